/**
 * Every option about attributes beside rsync's: on a source with all kinds of entries, into nothing and over a target
 * in which each entry differs in one thing.
 */
import assert from 'node:assert';
import { likeRsync, refusal, type Comparison } from './attributes-support.js';
import { block, char, describeIf, dir, fifo, file, rsync, socket, symlink, time, whyNoRsync, type Tree } from '../support/index.js';

const T = time(1_600_000_000, 123_456_789);
const OLD = time(1_500_000_000, 1);
const root = process.getuid?.() === 0;
const why = whyNoRsync() ?? (root ? undefined : 'needs root');

/** All kinds of entries, with attributes that are not the usual. */
function everything(): Tree {
  const twice = file('linked', { mtime: T, mode: 0o640 });
  return {
    plain: file('plain', { mtime: T }),
    exec: file('exec', { mtime: T, mode: 0o755 }),
    setuid: file('setuid', { mtime: T, mode: 0o4755, uid: 1000, gid: 1001 }),
    setgid: file('setgid', { mtime: T, mode: 0o2755, uid: 1000, gid: 1001 }),
    sticky: file('sticky', { mtime: T, mode: 0o1644 }),
    closed: file('closed', { mtime: T, mode: 0 }),
    readonly: file('readonly', { mtime: T, mode: 0o444, uid: 1002 }),
    open: file('open', { mtime: T, mode: 0o666 }),
    before1970: file('before', { mtime: time(-86_400, 999_999_999) }),
    'link-a': twice,
    'link-b': twice,
    empty: file('', { mtime: T }),
    attributed: file('attributed', { mtime: T, xattrs: { 'user.x': 'one', 'trusted.y': 'two' }, acl: 'u:1000:rw-,g:50:r--,m::rw-' }),
    to: symlink('plain', { mtime: T, uid: 1000, gid: 1001 }),
    dangling: symlink('nowhere/at all', { mtime: T }),
    fifo: fifo({ mtime: T, mode: 0o620, uid: 1000 }),
    socket: socket({ mtime: T, mode: 0o755, gid: 1001 }),
    block: block(7, 200, { mtime: T, mode: 0o660, gid: 6 }),
    char: char(1, 3, { mtime: T, mode: 0o666 }),
    folder: dir({ inner: file('inner', { mtime: T, uid: 1000 }), to: symlink('../plain', { mtime: T }), sub: dir({ deep: file('deep', { mtime: T }) }, { mtime: OLD }) }, { mtime: T, mode: 0o2775, uid: 1000, gid: 1001 }),
    shared: dir({}, { mtime: T, mode: 0o1777 }),
    private: dir({ secret: file('s', { mtime: T, mode: 0o600 }) }, { mtime: T, mode: 0o500, uid: 1002 }),
    listed: dir({ f: file('f', { mtime: T }) }, { mtime: T, defaultAcl: 'u::rwx,u:1000:rwx,g::r-x,m::rwx,o::---', acl: 'u:1001:r-x,m::r-x', xattrs: { 'user.d': 'folder' } }),
  };
}

/** The same names, each with another difference. */
function differing(): Tree {
  return {
    plain: file('plain', { mtime: OLD }),
    exec: file('exec', { mtime: T, mode: 0o644 }),
    setuid: file('setuid', { mtime: T, mode: 0o755 }),
    setgid: file('setgid', { mtime: T, mode: 0o755, uid: 1000 }),
    sticky: file('sticky', { mtime: T, mode: 0o644 }),
    closed: file('closed', { mtime: T, mode: 0o777 }),
    readonly: file('readonly!', { mtime: T, mode: 0o444 }),
    open: file('other', { mtime: T, mode: 0o600, gid: 1001 }),
    before1970: file('before', { mtime: time(0) }),
    'link-a': file('linked', { mtime: T, mode: 0o600 }),
    'link-b': file('linked', { mtime: T, mode: 0o600 }),
    empty: file('not empty', { mtime: T }),
    attributed: file('attributed', { mtime: T, xattrs: { 'user.x': 'other', 'user.extra': 'z' }, acl: 'u:1000:r--,m::rw-' }),
    to: symlink('elsewhere', { mtime: T }),
    dangling: symlink('nowhere/at all', { mtime: OLD, uid: 1003 }),
    fifo: fifo({ mtime: OLD, mode: 0o600 }),
    socket: socket({ mtime: T, mode: 0o700 }),
    block: block(7, 201, { mtime: T, mode: 0o660 }),
    char: char(1, 3, { mtime: T, mode: 0o600, uid: 1000 }),
    folder: dir({ inner: file('inner', { mtime: T }), to: file('a file here', { mtime: T }), sub: file('sub') }, { mtime: OLD, mode: 0o755 }),
    shared: dir({}, { mtime: OLD, mode: 0o755 }),
    private: dir({ secret: file('s', { mtime: OLD, mode: 0o600 }) }, { mtime: T, mode: 0o700 }),
    listed: dir({ f: file('f', { mtime: T, mode: 0o600 }) }, { mtime: T }),
  };
}

const rootAttributes = { mtime: T, mode: 0o755 };

/** rsync makes the last name of a new group its leader, or the first, by how its sort falls; here it is the first. */
function firstLeads(lines: string[]): string[] {
  if (!lines.some((line) => line.endsWith('link-a => link-b'))) return lines;
  return lines.map((line) => line.replace('link-a => link-b', 'link-a').replace(/link-b$/, 'link-a').replace(/^(h.*) link-a$/, '$1 link-b => link-a'));
}

/** Into nothing, and over a differing target. */
async function both(options: string[], more: Partial<Comparison> = {}): Promise<void> {
  const base = { source: everything(), root: rootAttributes, lines: firstLeads, ...more };
  await likeRsync(options, base);
  await likeRsync(options, { ...base, source: everything(), target: differing, targetRoot: { mtime: OLD, mode: 0o750 } });
}

const MATRIX = [
  ['-a'], ['-r'], ['-rl'], ['-rp'], ['-rt'], ['-rto'], ['-rtg'], ['-rlt'], ['-rtD'], ['-rt', '--devices'], ['-rt', '--specials'], ['-rltgoD'],
  ['-rtE'], ['-aE'], ['-aO'], ['-aJ'], ['-aOJ'], ['-aH'], ['-aA'], ['-aX'], ['-aHAX'], ['-aAX', '-XX'], ['-rtA'], ['-rtX'], ['-aS'], ['-rH'],
  ['-a', '--no-p'], ['-a', '--no-t'], ['-a', '--no-o'], ['-a', '--no-g'], ['-a', '--no-l'], ['-a', '--no-D'], ['-a', '--no-devices'], ['-a', '--no-specials'],
  ['-aAX', '--no-A'], ['-aAX', '--no-X'], ['-aH', '--no-H'], ['-aO', '--no-O'], ['-a', '--no-p', '--no-o'],
  ['-a', '--chmod=Du=rwx,go-w,F644'], ['-r', '--chmod=F600,D700'], ['-a', '--chmod=a+X,o='], ['-rt', '--chmod=ug+s,+t'], ['-aE', '--no-p', '--chmod=ugo=rwX'],
  ['-a', '--chown=1005:1006'], ['-a', '--chown=:1006'], ['-a', '--chown=nobody'], ['-rt', '--chown=1005'], ['-rt', '--groupmap=*:1006'], ['-rt', '--chown=1005:1006', '--no-o'],
  ['-a', '--usermap=1000:2000,root:1001,*:7'], ['-a', '--groupmap=1001:2001,0-10:99'], ['-a', '--numeric-ids'], ['-a', '--numeric-ids', '--usermap=1000:2000,*:5'],
  ['-a', '-c'], ['-r', '-c'], ['-a', '--size-only'], ['-a', '--inplace'], ['-aAX', '--inplace', '-I'],
];

describeIf('attributes: each option as rsync has it', why, () => {
  for (const options of MATRIX) it(options.join(' '), () => both(options));

  // Content that proves equal is not copied into a new file here: what is not asked for stays on the old one.
  for (const options of [['-a', '-I'], ['-aX', '-I'], ['-aA', '-I'], ['-aH', '-I'], ['-aAX', '-I']]) it(options.join(' '), () => both(options, { ignore: ['xattr', 'acl'] }));

  // rsync sets the list before it looks at the permissions, and then finds them right.
  it('-aA --chmod=g-w', () => both(['-aA', '--chmod=g-w'], { against: 'dry run' }));
  it('-aA --usermap --groupmap: the ids in access lists are mapped as well', () => both(['-aA', '--usermap=1000:2000', '--groupmap=50:51']));

  it('-N is refused: birth times cannot be set', async () => {
    assert.match(await refusal(['-aN', '/a/', '/b/']), /./);
    assert.strictEqual(rsync(['-aN', '/a/', '/b/']).code, 1, 'rsync has learnt it');
  });
});
