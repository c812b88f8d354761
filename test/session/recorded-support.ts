/** Makes, carries out and remakes sealed plans in this process. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { OutputFile } from '../../src/fs/index.js';
import { openPlan, runApply, runPlan, type ApplyRequest, type Outcome, type SessionListener } from '../../src/session/index.js';
import { fromText, type Problem } from '../../src/tree/index.js';
import { OpKind, type Operation } from '../../src/plan/index.js';
import { sync } from '../cli/support.js';

/** What a run told. */
export interface Told { lines: string[]; results: Map<string, string>; problems: Problem[]; notices: string[]; outcome: Outcome }

function recorder(): { told: Omit<Told, 'outcome'>; listener: SessionListener } {
  const told: Omit<Told, 'outcome'> = { lines: [], results: new Map(), problems: [], notices: [] };
  return {
    told,
    listener: {
      wantsOperations: 'changes',
      operation(op: Operation, path, result) {
        const line = `${OpKind[op.kind]} ${op.item.toString(2)} ${path}`;
        if (result === 'planned' || result === 'done') told.lines.push(line);
        told.results.set(path, result);
      },
      problem: (problem) => { told.problems.push(problem); },
      notice: (code) => { told.notices.push(code); },
    },
  };
}

/** `twintree plan ARGS -o file`. */
export async function plan(args: readonly string[], file: string): Promise<Told> {
  const { sources, target, options } = sync(args);
  const { told, listener } = recorder();
  const outcome = await runPlan({ sources, target, options }, new OutputFile(fromText(file)), listener);
  return { ...told, outcome };
}

/** `twintree apply file`. */
export async function apply(file: string, how: Partial<ApplyRequest> = {}, more: SessionListener = {}): Promise<Told> {
  const sealed = await openPlan(fromText(file));
  const { told, listener } = recorder();
  try {
    const outcome = await runApply(sealed, { dryRun: false, ...how }, { ...listener, ...more });
    return { ...told, outcome };
  } finally {
    sealed.close();
  }
}

/** `twintree sync ARGS -n`, with its lines. */
export async function dryRun(args: readonly string[]): Promise<Told> {
  const { runSync } = await import('../../src/session/index.js');
  const { sources, target, options } = sync([...args, '-n']);
  const { told, listener } = recorder();
  return { outcome: await runSync({ sources, target, options }, listener), ...told };
}

/** One section of a plan file. */
export interface Part { kind: number; payload: Buffer }

/** Takes a plan file apart, independently of the program: 16 bytes of opening, then kind, length and payload. */
export function parts(file: string): { opening: Buffer; sections: Part[] } {
  return partsOf(readFileSync(file));
}

/** The same of its bytes. */
export function partsOf(all: Buffer): { opening: Buffer; sections: Part[] } {
  const sections: Part[] = [];
  for (let at = 16; at < all.length;) {
    const length = all.readUInt32LE(at + 4);
    sections.push({ kind: all.readUInt8(at), payload: all.subarray(at + 8, at + 8 + length) });
    at += 8 + length;
  }
  return { opening: all.subarray(0, 16), sections };
}

/** Puts a plan file together again, with a seal that fits. */
export function seal(file: string, taken: { opening: Buffer; sections: Part[] }): void {
  writeFileSync(file, sealedAs(taken));
}

/** Its bytes. */
export function sealedAs({ opening, sections }: { opening: Buffer; sections: Part[] }): Buffer {
  const out: Buffer[] = [opening];
  for (const { kind, payload } of sections) {
    const header = Buffer.alloc(8);
    header.writeUInt8(kind, 0);
    header.writeUInt32LE(payload.length, 4);
    if (kind === 5) out.push(header, createHash('sha256').update(Buffer.concat([...out, header])).digest());
    else out.push(header, payload);
  }
  return Buffer.concat(out);
}

/** Changes the head of a plan and seals it anew. */
export function changeHead(file: string, change: (head: Record<string, unknown>) => void): void {
  const taken = parts(file);
  const head = taken.sections[0] as Part;
  const json = JSON.parse(head.payload.toString('utf8')) as Record<string, unknown>;
  change(json);
  head.payload = Buffer.from(JSON.stringify(json));
  seal(file, taken);
}

/** The same plan with other options in its head. */
export function withOptions(file: Buffer, options: unknown): Buffer {
  const taken = partsOf(file);
  const head = taken.sections[0] as Part;
  head.payload = Buffer.from(JSON.stringify({ ...(JSON.parse(head.payload.toString('utf8')) as object), options }));
  return sealedAs(taken);
}
