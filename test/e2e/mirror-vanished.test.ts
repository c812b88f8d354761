/** What goes while a session looks at it is looked at again, though nothing more is heard of it: until then the target is not as far as it seems. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mirrorRequest, parseMirror, processContext } from '../../src/cli/index.js';
import { Mirror } from '../../src/mirror/index.js';
import { fromText, type RelPath } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

describe('a mirror whose session finds a path gone', () => {
  const tmp = useTempFolder('mirror-vanished');

  it('looks at it again, and has not caught up before', async () => {
    mkdirSync(tmp.at('s'));
    const parsed = parseMirror(['--delete', '--', `${tmp.at('s')}/`, tmp.at('t')].map(fromText), processContext());
    assert.ok(parsed.kind === 'run');
    const request = mirrorRequest(parsed);
    const looked: (RelPath[] | undefined)[] = [];
    const [target] = request.targets;
    assert.ok(target !== undefined);
    const mirror = new Mirror({
      ...request,
      targets: [{
        ...target,
        run: async (what, listener, signal) => {
          const outcome = await target.run(what, listener, signal);
          if (what.dirty !== undefined && looked.every((paths) => paths === undefined)) outcome.problems.push({ path: fromText('gone') as string as RelPath, phase: 'apply', side: 'source', code: 'vanished', errno: 2, message: 'was gone when it was to be read', severity: 'warning' });
          looked.push(what.dirty?.map(({ path }) => path));
          return outcome;
        },
      }],
    });
    const controller = new AbortController();
    const over = mirror.run(controller.signal);
    try {
      await mirror.caughtUp();
      writeFileSync(tmp.at('s/a'), 'a');
      await mirror.caughtUp();
      const batches = looked.filter((paths) => paths !== undefined);
      assert.ok(batches[0]?.includes(fromText('a') as string as RelPath));
      assert.ok(batches.slice(1).some((paths) => paths.includes(fromText('gone') as string as RelPath)), JSON.stringify(batches));
    } finally {
      controller.abort();
      await over;
    }
  });
});
