/** The kernel of one channel: made when first needed, and let go after a job that needed much, since its memory never shrinks. */
import { createKernel, type Kernel } from '../../hash/index.js';

/** Memory that is kept from job to job, bytes. */
const KEPT = 32 << 20;

/** Holds a kernel. */
export class KernelBox {
  private kernel: Kernel | undefined;
  private mark = 0;

  /** The kernel, all of its memory free. One job at a time. */
  begin(): Kernel {
    if (this.kernel === undefined) {
      this.kernel = createKernel();
      this.mark = this.kernel.mark();
    }
    return this.kernel;
  }

  /** The job is over. */
  end(): void {
    this.kernel?.release(this.mark);
    if (this.kernel !== undefined && this.kernel.bytes.length > KEPT) this.kernel = undefined;
  }
}
