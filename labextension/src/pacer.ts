// Repeats an action on request: one at a time, and for a fifth of the time at most.

export class Pacer {
  private running = false;
  private again = false;
  private hurried = false;
  private timer = 0;

  constructor(private readonly work: () => Promise<void>) {}

  // Run soon. Further requests meanwhile make one more run afterwards.
  poke(): void {
    this.again = true;
    if (!this.running && this.timer === 0) {
      void this.run();
    }
  }

  // Run now, or right after the present run, because somebody waits for it.
  hurry(): void {
    this.hurried = true;
    window.clearTimeout(this.timer);
    this.timer = 0;
    this.poke();
  }

  private async run(): Promise<void> {
    this.running = true;
    this.again = this.hurried = false;
    const start = performance.now();
    await this.work();
    this.running = false;
    const wait = this.hurried ? 0 : 4 * (performance.now() - start);
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      if (this.again) {
        void this.run();
      }
    }, wait);
  }
}
