/** The way to compare that is called doubt: as by size and time, and what looks equal is compared by content. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { archive } from '../endpoint/apply-bench.js';
import { runSync } from '../../src/session/index.js';
import { Line } from '../../src/session/remote/line.js';
import { DOUBT, DURABLE } from '../../src/wire/index.js';
import { fromText } from '../../src/tree/index.js';
import { useTempFolder } from '../support/index.js';

describe('a session in doubt', () => {
  const temp = useTempFolder('doubt');
  const options = archive((o) => {
    o.walk.recursive = true;
    o.compare.mode = 'doubt';
    o.threads = 1;
  });

  it('reads what looks equal, and brings what is not; of the others size and time tell enough', async () => {
    for (const side of ['s', 't']) {
      mkdirSync(temp.at(side));
      for (const name of ['same', 'sly', 'later', 'longer']) {
        writeFileSync(temp.at(side, name), side === 's' && name !== 'same' ? `new ${name}${name === 'longer' ? ' by far' : ''}` : `old ${name}`);
        utimesSync(temp.at(side, name), 1000, side === 's' && name === 'later' ? 2000 : 1000);
      }
    }
    const told: string[] = [];
    const outcome = await runSync({ sources: [fromText(`${temp.at('s')}/`)], target: fromText(temp.at('t')), options }, { wantsOperations: 'changes', operation: (_op, path) => { told.push(path); } });
    assert.deepEqual(outcome.problems, []);
    assert.deepEqual(told.filter((path) => path !== '').toSorted(), ['later', 'longer', 'sly']);
    for (const name of ['same', 'sly', 'later', 'longer']) assert.equal(readFileSync(temp.at('t', name), 'utf8'), readFileSync(temp.at('s', name), 'utf8'));
  });

  it('is asked for as a comparison of contents where the other end does not know it', () => {
    const told = (features: string[]): string => Line.prototype.optionsFor.call({ link: { hello: { features } } } as unknown as Line, options).compare.mode;
    assert.deepEqual([told([DURABLE]), told([DOUBT]), told([DOUBT, DURABLE])], ['checksum', 'doubt', 'doubt']);
  });
});
