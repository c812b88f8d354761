/**
 * loader: the one line of JavaScript that `node -e` runs on a host without twintree. It says what it runs on, is told the hash of
 * the agent's program, takes it from stdin (or from its cache), checks it, unpacks it into a private folder that goes when the process
 * ends, and starts it there as `--server`. It reads not one byte further than the program, so that the agent finds the
 * protocol's first byte. No quote, backslash, exclamation mark or line break stands in it: every shell passes it on as it is.
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
  'const t=kept+"."+process.pid;fs.writeFileSync(t,b,{mode:384,flag:"wx"});fs.renameSync(t,kept)',
  '}catch(e){fs.writeSync(2,"twintree loader: not kept: "+e.message+String.fromCharCode(10))}}}',
  'else die("the program arrived damaged")}',
  'b=require("zlib").brotliDecompressSync(b);',
  'const home=fs.mkdtempSync(path.join(os.tmpdir(),"twintree-agent-"));', // mode 0700
  'process.on("exit",()=>fs.rmSync(home,{recursive:true,force:true}));',
  // The program has its own idea of signals; without one the folder must still go.
  'for(const s of["SIGHUP","SIGINT","SIGTERM"])process.on(s,()=>{if(process.listenerCount(s)===1)process.exit(20)});',
  'let at=4+b.readUInt32LE(0);for(const[n,z]of JSON.parse(b.toString("utf8",4,at))){const f=path.join(home,n);',
  'fs.mkdirSync(path.dirname(f),{recursive:true,mode:448});fs.writeFileSync(f,b.subarray(at,at+z),{mode:384});at+=z}',
  'process.argv=[process.execPath,path.join(home,"load.js"),"--server"];',
  'void require(process.argv[1]).main();',
].join('');
