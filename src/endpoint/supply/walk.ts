/**
 * The walk that runs ahead of the session's scan: the same folders in the same order (parents first, depth first, names in byte
 * order, mounts in the order of the arguments), by the same selection, source filters, -x and followed symlinks. It only predicts:
 * a folder that the session does not want costs its bytes, one that is missing costs a question. What the target decides
 * (--existing, -m and the like) is not known here and not asked for.
 *
 * Rule files are read once, by the filters themselves, and sent along.
 */
import { FilterSet, type FileReader, type FilterScope } from '../../filter/index.js';
import { readFileAt, readRuleFile, type Posix } from '../../fs/index.js';
import { joinPath, EMPTY, StatTable, type ByteString, type RelPath } from '../../tree/index.js';
import { argumentOf, Open, type SelectionNode } from '../scan/selection.js';
import type { Folders, SeenEntry } from './fold.js';
import type { SupplySetup } from './messages.js';
import type { ItemSink } from './outgoing.js';
import type { Places } from './places.js';
import { Wait, type Job } from './wait.js';

/** Bytes of the first frame of a walk; each that follows has twice as many, up to a full one. */
const FIRST_FRAME = 2 << 10;
/** Milliseconds after which what was gathered goes out at the latest. */
const LONGEST_WAIT = 20;

/** A folder yet to be told. */
interface Next {
  name: ByteString;
  /** Mounts that have it. */
  owners: number[];
  /** Mounts in which all of it belongs to the transfer. */
  whole: number[];
  open: Open;
  node: SelectionNode | undefined;
}

/** Folders of one parent. */
interface Level { parent: RelPath; next: Next[]; at: number; scope: FilterScope | undefined }

/** A folder of one mount that is open. */
interface Layer { mount: number; fd: number; whole: boolean }

/** What one mount has under a name. */
interface Found { layer: Layer; folder: boolean; counts: boolean; elsewhere: boolean }

/** Walks the source for one Walk request. */
export class SupplyWalk {
  private readonly filters: FilterSet;
  private readonly readsFiles: boolean;
  private readonly stack: Level[] = [];
  private readonly device = new StatTable(1);
  private readonly own = new StatTable(1);
  /** A rule file in the tree has others above the root read: the session has only those that the command line leads to, so what these hide is not told. */
  private hidesNames = false;
  private goal = FIRST_FRAME;
  private due = performance.now() + LONGEST_WAIT;

  constructor(
    private readonly posix: Posix, private readonly setup: SupplySetup, private readonly places: Places, private readonly folders: Folders, private readonly out: ItemSink,
    /** The last folder that is not to be told, with all before it. */
    private readonly after: RelPath | undefined,
    /** The session takes digests. */
    private readonly digests: boolean,
  ) {
    const { options } = setup;
    this.filters = new FilterSet(options.filters, {
      side: 'source', deleteExcluded: options.delete.excluded, gitignore: options.walk.gitignore, nul: options.walk.nulRules === true,
      onProblem: () => undefined, // the session reads the same file and reports it
    });
    this.readsFiles = this.filters.usesDirFiles;
  }

  /** Tells all folders. */
  *run(): Job {
    const { selection } = this.setup;
    const root: Next = { name: EMPTY, owners: mountsAtRoot(selection), whole: selection.openMounts, open: selection.open, node: selection };
    this.stack.push({ parent: EMPTY, next: [root], at: 0, scope: undefined });
    for (let level = this.stack.at(-1); level !== undefined; level = this.stack.at(-1)) {
      const next = level.next[level.at++];
      if (next === undefined) this.stack.pop();
      else {
        yield* this.folder(next, joinPath(level.parent, next.name), level.scope);
        yield* this.hurry();
      }
      yield Wait.turn;
    }
  }

  /** The session waits for the first folders, and on a slow disk for each: they do not wait until a frame is full. */
  private *hurry(): Job {
    const now = performance.now();
    if (this.out.length < this.goal && now < this.due) return;
    this.goal *= 2;
    this.due = now + LONGEST_WAIT;
    yield* this.out.flush();
  }

  private *folder(next: Next, path: RelPath, outer: FilterScope | undefined): Job {
    const told = this.after === undefined || compareWalk(path, this.after) > 0;
    if (!told && !leadsTo(path, this.after as RelPath)) return;
    const layers: Layer[] = [];
    let { open } = next;
    try {
      for (const mount of next.owners) {
        const fd = this.places.pin(mount, path);
        if (fd >= 0) {
          layers.push({ mount, fd, whole: next.whole.includes(mount) });
          if (this.places.leadsBack(mount, path, fd)) return; // the session sees it too
        }
        else {
          open = Open.No;
          if (told) this.folders.refused(this.out, mount, path, -fd);
        }
      }
      if (open !== Open.No && path !== '' && this.setup.options.walk.oneFileSystem > 0 && layers[0] !== undefined) {
        if (this.posix.fstat(layers[0].fd, this.own, 0) === 0 && !this.own.sameDevice(0, this.deviceOf(layers[0].mount, path), 0)) open = Open.No;
      }
      const read = new Map<number, Map<ByteString, Buffer | undefined>>();
      const scope = this.scope(path, next.name, outer, this.reader(layers, read));
      const found = new Map<ByteString, Found[]>();
      const device = this.setup.options.walk.oneFileSystem > 1 && layers[0] !== undefined ? this.deviceOf(layers[0].mount, path) : undefined;
      for (const layer of layers) yield* this.layer(layer, path, next, open, scope, told, read.get(layer.mount), device, found);
      const children = this.children(next, open, scope, found);
      if (children.length > 0) this.stack.push({ parent: path, next: children, at: 0, scope });
    } finally {
      for (const layer of layers) this.places.unpin(layer.mount, layer.fd);
    }
  }

  /** Tells one mount's part of a folder and notes the folders in it. */
  private *layer(
    layer: Layer, path: RelPath, next: Next, open: Open, scope: FilterScope | undefined, told: boolean, ruleFiles: ReadonlyMap<ByteString, Buffer | undefined> | undefined,
    device: StatTable | undefined, found: Map<ByteString, Found[]>,
  ): Job {
    const several = next.owners.length > 1;
    const each = (entry: SeenEntry): void => {
      const counts = entry.table.isDir(entry.at);
      if (!counts && !several) return;
      const elsewhere = device !== undefined && counts && !entry.table.sameDevice(entry.at, device, 0);
      const one = { layer, folder: entry.folder, counts, elsewhere };
      const known = found.get(entry.name);
      if (known === undefined) found.set(entry.name, [one]);
      else known.push(one);
    };
    const excludes = (entry: SeenEntry): boolean =>
      scope !== undefined && next.node?.children?.get(entry.name)?.implied !== true && scope.excludes(entry.name, entry.table.isDir(entry.at));
    const { compare } = this.setup.options;
    const request = {
      mount: layer.mount, path, fd: layer.fd, share: { all: layer.whole, node: next.node }, listed: open !== Open.No, each,
      ...(ruleFiles === undefined ? {} : { ruleFiles }),
      hides: this.hidesNames ? excludes : undefined,
      hashes: compare.mode !== 'checksum' ? undefined : (entry: SeenEntry): boolean => {
        const size = entry.table.size(entry.at);
        return !excludes(entry) && size <= (compare.maxSize ?? Infinity) && size >= (compare.minSize ?? 0);
      },
    };
    if (told && this.digests && !several && !this.readsFiles && this.folders.digest(this.out, request)) yield* this.out.pump();
    else if (told) yield* this.folders.tell(this.out, request);
    else {
      yield* this.folders.tell(UNTOLD, { ...request, hashes: undefined });
      this.folders.forgetNames();
    }
  }

  /** Which of the entries are folders to be walked next: what the scan of the session would decide without its target. */
  private children(next: Next, open: Open, scope: FilterScope | undefined, found: ReadonlyMap<ByteString, Found[]>): Next[] {
    const { walk } = this.setup.options;
    const out: Next[] = [];
    for (const [name, all] of found) {
      const chosen = all.find((f) => f.folder) ?? all[0];
      if (chosen === undefined || !chosen.counts) continue;
      const child = next.node?.children?.get(name);
      if (child?.implied !== true && (scope?.excludes(name, true) === true || (!walk.recursive && !walk.dirs))) continue;
      if (walk.recursive && child?.named !== true && child?.implied !== true && chosen.elsewhere) continue;
      const owners: number[] = [];
      const whole: number[] = [];
      for (const { layer, folder } of [chosen, ...all.filter((f) => f !== chosen)]) {
        if (owners.length > 0 && !folder && !this.places.follows) continue;
        owners.push(layer.mount);
        if ((layer.whole && open === Open.Tree) || child?.openMounts.includes(layer.mount) === true) whole.push(layer.mount);
      }
      const inherited = open === Open.Tree && all.some((f) => f.layer.whole) ? Open.Tree : Open.No;
      out.push({ name, owners: owners.sort((a, b) => a - b), whole, open: Math.max(inherited, child?.open ?? Open.No), node: child });
    }
    return out.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  private scope(path: RelPath, name: ByteString, outer: FilterScope | undefined, read: FileReader): FilterScope | undefined {
    if (this.filters.empty) return undefined;
    if (path !== '') return outer?.enter(name, read);
    const { contents, source } = this.setup.filterPlace;
    let entered = false;
    const above: FileReader = (file) => {
      const content = readRuleFile(file);
      if (typeof content === 'number') return undefined;
      this.hidesNames ||= entered;
      return content;
    };
    const root = this.filters.root(contents ? read : undefined, { path: source, read: above });
    entered = true;
    return root;
  }

  /** Reads rule files as the session's filters will, and notes what each mount answered. */
  private reader(layers: readonly Layer[], read: Map<number, Map<ByteString, Buffer | undefined>>): FileReader {
    if (!this.readsFiles) return () => undefined;
    return (name) => {
      for (const { mount, fd } of layers) {
        let files = read.get(mount);
        if (files === undefined) read.set(mount, (files = new Map()));
        let content = files.get(name);
        if (!files.has(name)) files.set(name, (content = readFileAt(this.posix, fd, name)));
        if (content !== undefined) return content;
      }
      return undefined;
    };
  }

  /** The file system that -x keeps to at a path: that of the argument it lies in, or, on the way to one, leads to. */
  private deviceOf(mount: number, path: RelPath): StatTable {
    const fd = this.places.folder(mount, argumentOf(this.setup.selection, path));
    if (fd >= 0) this.posix.fstat(fd, this.device, 0);
    return this.device;
  }
}

/** Takes what is walked through but not told. */
const UNTOLD: ItemSink = {
  length: 0,
  write: () => undefined, writeLarge: () => undefined, literal: () => undefined,
  *pump(): Job { /* nothing is sent */ }, *flush(): Job { /* nothing is sent */ },
};

/** Order of the walk: a folder before what is in it, names in byte order. */
export function compareWalk(a: RelPath, b: RelPath): number {
  if (a === b) return 0;
  if (a === '') return -1;
  if (b === '') return 1;
  const x = a.split('/');
  const y = b.split('/');
  for (let i = 0; i < x.length && i < y.length; i++) {
    const p = x[i] as string;
    const q = y[i] as string;
    if (p !== q) return p < q ? -1 : 1;
  }
  return x.length - y.length;
}

/** Whether a folder is `after` or above it: something behind `after` may lie in it. */
function leadsTo(path: RelPath, after: RelPath): boolean {
  return path === '' || path === after || after.startsWith(`${path}/`);
}

/** Mounts that anything of the root's selection comes from. */
function mountsAtRoot(node: SelectionNode): number[] {
  const all = new Set(node.mounts);
  for (const child of node.children?.values() ?? []) for (const mount of child.mounts) all.add(mount);
  return [...all].sort((a, b) => a - b);
}
