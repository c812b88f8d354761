/** A plan of a migration made in this process, from words of `twintree sync`. */
import assert from 'node:assert/strict';
import { doctorRequest, parseDoctor, processContext } from '../../src/cli/index.js';
import type { RunToJudge } from '../../src/doctor/index.js';
import type { PlannedHook, PlanSubject } from '../../src/migrate/survey/index.js';
import { fromText } from '../../src/tree/index.js';

export function runOf(...words: string[]): RunToJudge {
  const parsed = parseDoctor(words.map(fromText), processContext());
  assert.equal(parsed.kind, 'run');
  return doctorRequest((parsed as Extract<typeof parsed, { kind: 'run' }>).work).runs[0] as RunToJudge;
}

export function hookOf(side: PlannedHook['side'], ...command: string[]): PlannedHook {
  return { command, side, timeoutMs: 30_000 };
}

export function subjectOf(more: Partial<PlanSubject> = {}): PlanSubject {
  return {
    name: 'files', source: '/srv/files/', target: 'root@new:/srv/files', words: ['--acls'], converge: { lagMs: 2000, backlogBytes: 1 << 20, steadyMs: 5000, patienceMs: 3_600_000 },
    freeze: { prepare: [], hooks: [hookOf('source', 'systemctl', 'stop', 'nginx')], thaw: [hookOf('source', 'systemctl', 'start', 'nginx')], limitMs: 600_000, quietMs: 1000 }, final: 'dirty', verify: { mode: 'full', sample: 0.01 },
    switch: { hooks: [hookOf('target', 'systemctl', 'start', 'nginx')], undo: [hookOf('target', 'systemctl', 'stop', 'nginx')], health: { hook: hookOf('source', 'curl', '-fsS', 'http://new/health'), attempts: 10, everyMs: 1000 } },
    rehearse: { on: { kind: 'clone' }, hooks: [], undo: [] }, finish: { hooks: [] }, reverse: true, ...more,
  };
}
