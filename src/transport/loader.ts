/**
 * loader: the one line of JavaScript that `node -e` runs on a host without twintree. It says what it runs on, is told the hash of
 * the agent's program, takes it from stdin (or from its cache), checks it, unpacks it into a private folder, and starts it there as
 * `--server` or as it is told. It reads not one byte further than the program, so that the agent finds the
 * protocol's first byte. No quote, backslash, exclamation mark or line break stands in it: every shell passes it on as it is.
 *
 * The folder goes when the process ends: by itself, and where it is killed by a shell that waits at the other end of a pipe for that. Where both were
 * killed, the next loader removes it: nobody listens at its socket any more, which the kernel knows.
 */

/** Before the loader's line about itself and before its answer: no banner begins so. */
export const LOADER_MARK = '\u0002twintree-loader ';
/** Bytes of the header: JSON filled up with spaces. */
export const LOADER_HEADER = 256;

/** What the loader says of its host. */
export interface LoaderHost {
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  readonly libc: string;
}

/** What is told to the loader. */
export interface LoaderHeader {
  /** Of the program as it is sent: compressed by brotli. Lower-case hexadecimal. */
  readonly sha256: string;
  readonly length: number;
  /** Whether it may be kept below ~/.cache/twintree. */
  readonly cache: boolean;
  /** What it is called with; `--server` where nothing is said. */
  readonly call?: string;
}

/** The loader. The program is brotli over: u32 (little-endian) length of an index, JSON [[name, size], …], the files' bytes. */
export const LOADER = [
  'const fs=require("fs"),os=require("os"),path=require("path"),E=process.env;',
  'const die=t=>{fs.writeSync(2,"twintree loader: "+t+String.fromCharCode(10));process.exit(1)};',
  'const say=t=>fs.writeSync(1,String.fromCharCode(10,2)+"twintree-loader "+t+String.fromCharCode(10));',
  // Exactly n bytes. A stdin that does not block is asked again after 10 ms.
  'const take=n=>{const b=Buffer.alloc(n);for(let i=0;i<n;){let k;',
  'try{k=fs.readSync(0,b,i,n-i,null)}catch(e){if(e.code==="EAGAIN"){Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0,10);continue}k=0}',
  'if(k===0)process.exit(1);i+=k}return b};',
  'const sha=b=>require("crypto").createHash("sha256").update(b).digest("hex");',
  'let libc="";if(process.platform==="linux"){libc=process.report.getReport().header.glibcVersionRuntime?"glibc":"musl"}',
  'say(JSON.stringify({node:process.version,platform:process.platform,arch:process.arch,libc}));',
  'const h=JSON.parse(take(256).toString());',
  'const top=path.join(path.isAbsolute(E.XDG_CACHE_HOME||"")?E.XDG_CACHE_HOME:path.join(os.homedir(),".cache"),"twintree");',
  'const dir=path.join(top,h.sha256),kept=path.join(dir,"agent");let b;',
  // A kept program counts only where nobody else can have written it and its hash is right.
  'const mine=p=>{const s=fs.lstatSync(p);return s.uid===process.getuid()&&(s.mode&63)===0};',
  'if(h.cache){try{if(mine(dir)&&mine(kept)){const k=fs.readFileSync(kept);if(sha(k)===h.sha256)b=k}}catch(e){}}',
  'say(b?"have":"send");',
  'if(b===undefined){b=take(h.length);if(sha(b)===h.sha256){if(h.cache){try{',
  'fs.mkdirSync(dir,{recursive:true,mode:448});fs.chmodSync(dir,448);',
  'const t=kept+"."+process.pid;fs.writeFileSync(t,b,{mode:384,flag:"wx"});fs.renameSync(t,kept);',
  // What another one was killed over while it wrote.
  'for(const n of fs.readdirSync(dir)){const p=path.join(dir,n);if(n.startsWith("agent.")&&Date.now()-fs.statSync(p).mtimeMs>36e5)fs.unlinkSync(p)}',
  '}catch(e){fs.writeSync(2,"twintree loader: not kept: "+e.message+String.fromCharCode(10))}}}',
  'else die("the program arrived damaged")}',
  'b=require("zlib").brotliDecompressSync(b);',
  'const home=fs.mkdtempSync(path.join(os.tmpdir(),"twintree-agent-"));', // mode 0700
  'process.on("exit",()=>fs.rmSync(home,{recursive:true,force:true}));',
  'const net=require("net"),sock=d=>path.join(d,"alive"),gone=d=>fs.rmSync(d,{recursive:true,force:true});',
  'const sh=require("child_process").spawn("sh",["-c","set -f; IFS=; cat >/dev/null; rm -rf -- $0",home],{detached:true,stdio:["pipe","ignore","ignore"]});',
  'sh.on("error",()=>{});sh.unref();if(sh.stdin){sh.stdin.on("error",()=>{});sh.stdin.unref()}',
  'net.createServer(c=>c.destroy()).on("error",()=>{}).listen(sock(home)).unref();',
  'for(const n of fs.readdirSync(os.tmpdir())){const d=path.join(os.tmpdir(),n);try{if(n.startsWith("twintree-agent-")&&d.localeCompare(home)&&mine(d))',
  'net.connect(sock(d)).on("connect",function(){this.destroy()}).on("error",e=>{if(e.code==="ECONNREFUSED")try{gone(d)}catch(f){}}).unref()}catch(e){}}',
  // The program has its own idea of signals; without one the folder must still go.
  'for(const s of["SIGHUP","SIGINT","SIGTERM"])process.on(s,()=>{if(process.listenerCount(s)===1)process.exit(20)});',
  'let at=4+b.readUInt32LE(0);for(const[n,z]of JSON.parse(b.toString("utf8",4,at))){const f=path.join(home,n);',
  'fs.mkdirSync(path.dirname(f),{recursive:true,mode:448});fs.writeFileSync(f,b.subarray(at,at+z),{mode:384});at+=z}',
  'process.argv=[process.execPath,path.join(home,"load.js"),h.call||"--server"];',
  'void require(process.argv[1]).main();',
].join('');

/** Where Node.js is looked for when the shell's PATH has none that serves: what version managers and packages install, `$HOME` first. No blanks within. */
export const NODE_PLACES = [
  '~/.local/bin', '~/bin', '~/.volta/bin', '~/.volta/tools/image/node/*/bin', '~/.nvm/versions/node/*/bin', '~/.config/nvm/versions/node/*/bin', '~/.asdf/installs/nodejs/*/bin',
  '~/.local/share/mise/installs/node/*/bin', '~/.local/share/fnm/node-versions/*/installation/bin', '~/.fnm/node-versions/*/installation/bin', '~/.nodenv/versions/*/bin', '~/n/bin',
  '~/.nix-profile/bin', '/usr/local/bin', '/usr/bin', '/usr/local/lib/nodejs/*/bin', '/opt/bin', '/opt/*/bin', '/opt/homebrew/bin', '/home/linuxbrew/.linuxbrew/bin', '/snap/bin',
  '/run/current-system/sw/bin', '/var/packages/Node.js*/target/usr/local/bin',
] as const;

/** Before what was found and does not serve, in the shell's last words. */
export const FOUND_MARK = 'twintree-found:';

/**
 * A line for `sh -c` that runs its first argument, a script, by the first Node.js of at least that version: the one on the PATH, else one from the
 * usual places. Exit code 127 where there is none; what was too old is told behind FOUND_MARK. Characters as in the loader.
 */
export function findNode(major: number, minor: number): string {
  const places = NODE_PLACES.map((place) => (place.startsWith('~') ? `"$HOME"${place.slice(1)}/node` : `${place}/node`));
  return [
    'f=; for n in node nodejs',
    '"${NVM_DIR:-/-}"/versions/node/*/bin/node "${VOLTA_HOME:-/-}"/bin/node "${ASDF_DATA_DIR:-/-}"/installs/nodejs/*/bin/node "${FNM_DIR:-/-}"/node-versions/*/installation/bin/node',
    `${places.join(' ')};`,
    'do p=$(command -v "$n" 2>/dev/null) || continue; v=$("$p" -p process.versions.node 2>/dev/null </dev/null) || continue;',
    'a=${v%%.*}; r=${v#*.}; b=${r%%.*};',
    `if [ "$a" -gt ${major} ] 2>/dev/null || { [ "$a" -eq ${major} ] && [ "$b" -ge ${minor} ]; } 2>/dev/null; then exec "$p" -e "$1"; fi;`,
    `f="$f $p ($v)"; done; echo "${FOUND_MARK}$f" >&2; exit 127`,
  ].join(' ');
}
