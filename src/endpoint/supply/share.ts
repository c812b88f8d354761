/**
 * What of a mount belongs to the transfer, by the selection alone: filters do not count here, the session applies them itself. A session
 * that asks for anything else is refused: who named a few files has not opened the folder they lie in.
 */
import type { ByteString, RelPath } from '../../tree/index.js';
import { Open, type SelectionNode } from '../scan/selection.js';

/** What of one folder of one mount belongs to the transfer. */
export interface Share {
  /** All that is in it; otherwise only what `node` chooses from this mount. */
  readonly all: boolean;
  /** The selection at this folder, where it says more than that. */
  readonly node: SelectionNode | undefined;
}

/** The share of a folder; undefined where the folder itself is no part of the transfer. */
export function shareOf(selection: SelectionNode, mount: number, path: RelPath): Share | undefined {
  let node: SelectionNode | undefined = selection;
  let all = node.openMounts.includes(mount);
  let open = node.open;
  if (path !== '') {
    for (const part of path.split('/') as ByteString[]) {
      const child: SelectionNode | undefined = node?.children?.get(part);
      if (!all && child?.mounts.includes(mount) !== true) return undefined;
      const inTree = all && open === Open.Tree;
      all = inTree || child?.openMounts.includes(mount) === true;
      open = Math.max(inTree ? Open.Tree : Open.No, child?.open ?? Open.No);
      node = child;
    }
  }
  return { all, node };
}

/** Whether an entry of a folder belongs to the transfer; `name` empty: the folder itself. */
export function sharesName(share: Share, mount: number, name: ByteString): boolean {
  return share.all || name === '' || share.node?.children?.get(name)?.mounts.includes(mount) === true;
}
