/** A service moved by `twintree migrate`, by its ready example: commands as a person gives them on the old host, and what the journal says. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lookAtConductor } from '../../../src/cli/migrate/control.js';
import { migrationFolder } from '../../../src/migrate/index.js';
import { fromText } from '../../../src/tree/index.js';
import { REPOSITORY, type Running } from '../../support/index.js';
import { EXAMPLES, type ThreeHosts } from './hosts.js';
import { REMOTE_PATH } from '../remote-support.js';

export const SHIM = join(REPOSITORY, 'bin/twintree.js');
const LOOK_MS = 20;

/** A line of the journal, as far as it is looked at here. */
export interface JournalLine {
  readonly at: number; readonly event: string; readonly phase?: string; readonly state?: string; readonly reason?: string | null; readonly part?: string; readonly ms?: number; readonly ok?: boolean; readonly message?: string;
  readonly parts?: readonly { readonly part: string; readonly ms: number }[]; readonly command?: string; readonly trouble?: string | null; readonly mode?: string; readonly code?: string;
}

export class Migration {
  readonly file: string;
  private conductor: Running | undefined;

  constructor(readonly hosts: ThreeHosts, readonly name: string, definition: string) {
    this.file = hosts.at('old', `${name}.yaml`);
    writeFileSync(this.file, definition);
  }

  /** By a ready example: only hosts, folders, the address and times are others. */
  static byExample(hosts: ThreeHosts, address: string, example: string): Migration {
    const text = readFileSync(join(EXAMPLES, example), 'utf8')
      .replace(/(?<=source: )\/srv\//, `${hosts.at('old', 'srv')}/`).replace('root@new.example.com:/srv', `box:${hosts.at('new', 'srv')}`)
      .replaceAll('/usr/local/lib/twintree/', `${EXAMPLES}/`).replaceAll('192.0.2.10', address)
      .replace(/(?<=steady: )\w+/, '500ms')
      .replace(/^options: \{/m, `options: { rsh: ${JSON.stringify(hosts.sshd.rsh)}, rsync-path: ${JSON.stringify(REMOTE_PATH)},`);
    const name = /^migration: (\S+)$/m.exec(text)?.[1];
    assert.ok(name !== undefined);
    return new Migration(hosts, name, text);
  }

  /** Runs `twintree migrate WORDS` on the old host to its end. */
  async command(...words: string[]): Promise<{ code: number | null; output: string }> {
    const { code, stdout, stderr } = await this.begin(...words).finished;
    return { code, output: stdout + stderr };
  }

  begin(...words: string[]): Running {
    return this.hosts.start('old', [process.execPath, SHIM, 'migrate', ...words]);
  }

  /** The same, which must succeed. */
  async must(...words: string[]): Promise<string> {
    const { code, output } = await this.command(...words);
    assert.equal(code, 0, `migrate ${words.join(' ')}: ${output}\n${this.told()}`);
    return output;
  }

  /** The first copy travels as an archive: written on the old host while it is in use, restored on the new one. What changed meanwhile comes over the network. */
  async seed(): Promise<void> {
    const text = readFileSync(this.file, 'utf8');
    const [source = '', target = ''] = [/^source: (\S+)$/m, /^target: box:(\S+)$/m].map((pattern) => pattern.exec(text)?.[1]);
    const archive = this.hosts.at('old', `${this.name}.tar`);
    for (const [host, ...words] of [['old', 'export', source, archive], ['new', 'import', archive, `${target}/`]] as const) {
      const { code, stdout, stderr } = await this.hosts.start(host, [process.execPath, SHIM, 'seed', ...words]).finished;
      assert.ok(code === 0 || code === 24, `seed ${words.join(' ')} (${code}): ${stdout}${stderr}`); // 24: it changed while it was read
    }
  }

  async plan(): Promise<void> {
    await this.must('plan', this.file, `--output=${this.hosts.at('old', 'tmp/plans of moves')}`);
  }

  /** Starts the conductor. */
  start(): Running {
    this.conductor = this.begin('start', this.name);
    return this.conductor;
  }

  /** The same, and waits until it can be asked: a command that finds no conductor starts one itself. */
  async restart(): Promise<void> {
    const { child } = this.start();
    while (child.exitCode === null && child.signalCode === null && await lookAtConductor(migrationFolder(fromText(this.hosts.at('old', 'state')), this.name)) === undefined) {
      await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
    }
  }

  get running(): Running | undefined {
    return this.conductor;
  }

  /** Waits for the conductor that was started to end by itself. */
  async over(): Promise<void> {
    const { code, stdout, stderr } = (await this.conductor?.finished) ?? { code: 0, stdout: '', stderr: '' };
    assert.equal(code, 0, `the conductor: ${stdout}${stderr}\n${this.told()}`);
  }

  get journal(): JournalLine[] {
    const path = join(this.hosts.at('old', 'state'), 'migrations', this.name, 'journal.jsonl');
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8').split('\n').filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as JournalLine);
  }

  get state(): string | undefined {
    return this.journal.findLast(({ event }) => event === 'state')?.state;
  }

  /** Waits until the journal holds a line that fits, from the `from`-th on. Fails where the conductor that was started ends before. */
  async until(what: string, fits: (line: JournalLine) => boolean, from = 0): Promise<JournalLine> {
    for (;;) {
      const ended = this.conductor?.child.exitCode ?? this.conductor?.child.signalCode ?? null;
      const found = this.journal.slice(from).find(fits);
      if (found !== undefined) return found;
      if (ended !== null) assert.fail(`the conductor ended (${ended}) before ${what}: ${this.conductor?.printed}\n${this.told()}`);
      await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
    }
  }

  async untilState(state: string, from = 0): Promise<JournalLine> {
    return this.until(`it was ${state}`, (line) => line.event === 'state' && line.state === state, from);
  }

  /** Waits until no operation is under way. */
  async idle(): Promise<void> {
    while (this.journal.findLast(({ event }) => event === 'operation')?.phase === 'began') await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  }

  /** The journal in short, for messages. */
  told(): string {
    return this.journal.slice(-40).map((line) => JSON.stringify(line).slice(0, 400)).join('\n');
  }
}
