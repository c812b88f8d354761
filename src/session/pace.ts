/**
 * Pace: a limit of bytes a second that whoever started a session may change while it runs: by the clock, by a person's word, by what a link bears.
 */
export interface Pace {
  /** What holds now; 0: no limit. */
  readonly bytesPerSecond: number;
  /** Tells each further limit, until the function that it returns is called. */
  follow(changed: (bytesPerSecond: number) => void): () => void;
}

/** A pace that its owner sets. */
export class SetPace implements Pace {
  private rate: number;
  private readonly followers = new Set<(bytesPerSecond: number) => void>();

  /** @param bytesPerSecond 0: no limit. */
  constructor(bytesPerSecond = 0) {
    this.rate = bytesPerSecond;
  }

  get bytesPerSecond(): number {
    return this.rate;
  }

  set(bytesPerSecond: number): void {
    if (bytesPerSecond === this.rate) return;
    this.rate = bytesPerSecond;
    for (const follower of this.followers) follower(bytesPerSecond);
  }

  follow(changed: (bytesPerSecond: number) => void): () => void {
    this.followers.add(changed);
    return () => { this.followers.delete(changed); };
  }
}
