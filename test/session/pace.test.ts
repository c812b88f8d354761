/** A limit that changes while a session runs: it comes to its end at the new rate, between local trees and to another host. */
import assert from 'node:assert/strict';
import { AGENT, requestFor } from '../e2e/remote-cut-support.js';
import { runRemote, runSync, SetPace, type SessionListener } from '../../src/session/index.js';
import { assertSameTree, file, makeTree, time, useTempFolder } from '../support/index.js';

const T = time(1_600_000_000);
const SIZE = 3_000_000;
/** At this rate the files would take an hour and a half. */
const SLOW = 512;

describe('a pace that changes', () => {
  const tmp = useTempFolder('pace');

  for (const way of ['local', 'push'] as const) {
    it(`ends at the new rate what was begun at a low one (${way})`, async () => {
      makeTree(tmp.at('s'), { f: file({ size: SIZE, seed: 1 }, { mtime: T }), g: file({ size: SIZE, seed: 2 }, { mtime: T }) }, { mtime: T });
      makeTree(tmp.at('t'), {}, { mtime: T });
      const pace = new SetPace(SLOW);
      let seen = 0;
      const listener: SessionListener = {
        progressEvery: 10,
        progress: ({ phase, doneBytes }) => {
          if (phase !== 'apply' || ++seen !== 3) return; // it is in the middle of the files
          assert.ok(doneBytes < SIZE, 'it was slow');
          pace.set(0);
        },
      };
      const request = { ...requestFor('push', ['-a'], `${tmp.at('s')}/`, tmp.at('t'), AGENT), pace };
      const outcome = await (way === 'push' ? runRemote(request, listener) : runSync(request, listener));
      assert.equal(outcome.exitCode, 0);
      assert.ok(seen >= 3, 'the limit was lifted in mid-session');
      assertSameTree(tmp.at('s'), tmp.at('t'));
    });
  }

  it('slows down what was begun without a limit, and an end that is asked for does not wait', async () => {
    makeTree(tmp.at('s'), { f: file({ size: 40_000_000, seed: 1 }, { mtime: T }) }, { mtime: T });
    makeTree(tmp.at('t'), {}, { mtime: T });
    const pace = new SetPace(50_000_000);
    const controller = new AbortController();
    let slow = 0;
    const listener: SessionListener = {
      progressEvery: 5,
      progress: ({ phase, doneBytes }) => {
        if (phase !== 'apply' || doneBytes === 0) return;
        pace.set(SLOW); // the next 64 KiB last two minutes
        if (++slow > 20) controller.abort();
      },
    };
    const outcome = await runSync({ ...requestFor('push', ['-a'], `${tmp.at('s')}/`, tmp.at('t'), AGENT), pace }, listener, controller.signal);
    assert.equal(outcome.aborted, true);
    assert.ok(outcome.literalBytes < 40_000_000, `${outcome.literalBytes} bytes were copied`);
  });
});
