// Does something again whenever told to: once at a time, and for a fifth of the time at most.

export class Pacer {
  private running = false;
  private again = false;
  private timer = 0;

  constructor(private readonly work: () => Promise<void>) {}

  // Soon; what is told meanwhile is done once, afterwards.
  poke(): void {
    this.again = true;
    if (!this.running && this.timer === 0) {
      void this.run();
    }
  }

  private async run(): Promise<void> {
    this.running = true;
    this.again = false;
    const start = performance.now();
    await this.work();
    this.running = false;
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      if (this.again) {
        void this.run();
      }
    }, 4 * (performance.now() - start));
  }
}
