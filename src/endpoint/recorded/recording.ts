/** A batch that is being written: a Recorder and its file, which gets its name only when the session is over. */
import { OutputFile } from '../../fs/index.js';
import { displayName, TwintreeError, type ByteString } from '../../tree/index.js';
import { Recorder, type Passed, type RecordSetup } from './recorder.js';

/** One recording. Methods throw TwintreeError IO or NO_SPACE where the file cannot be written, WireError where what goes by is none of the protocol's. */
export class Recording {
  private readonly file: OutputFile;
  private readonly recorder: Recorder;
  private open = true;

  constructor(private readonly path: ByteString, setup: RecordSetup) {
    this.file = this.named(() => new OutputFile(path));
    this.recorder = new Recorder(setup, (bytes) => { this.named(() => { this.file.write(bytes); }); });
  }

  /** Returns what shall go on in place of the payload. */
  requests(channel: number, flags: number, payload: Uint8Array): Passed {
    return this.open ? this.recorder.requests(channel, flags, payload) : { flags, payload };
  }

  items(channel: number, flags: number, payload: Uint8Array): void {
    if (this.open) this.recorder.items(channel, flags, payload);
  }

  /** The session is over: the batch is whole. Returns its bytes. */
  seal(): number {
    this.open = false;
    this.recorder.finish();
    this.named(() => { this.file.commit(); });
    return this.recorder.length;
  }

  /** Gives up what was not sealed. */
  discard(): void {
    this.open = false;
    this.file.discard();
  }

  /** Errors cross between threads as sentences: the path goes into theirs. */
  private named<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof TwintreeError)) throw error;
      throw new TwintreeError(error.code, `the batch ${this.path === '-' ? '' : `"${displayName(this.path)}" `}cannot be written: ${error.message}`, { cause: error });
    }
  }
}
