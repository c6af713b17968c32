"""The task table in a real JupyterLab: what it costs the kernel, the connection and the browser.

10,000 tasks (or as many as are asked for) wait, run and end within 20 s, announced as the runtime
announces them, without a service or workers that would cost anything themselves. The kernel's cost
is the CPU time of the same events with the table, less that without it. Frames
are those of scrolling to another place in each of them: how many there were a second (the browser
makes 60 at most), the CPU time of its main thread for one, by its own account (script, style,
layout and paint), and how long they were apart, which what else runs on the machine lengthens.
First paint is from the moment that the output arrives in the browser, and, as `shown`, from
pressing Run, which has JupyterLab's and the kernel's time in it.

Run: ``python -m benchmarks.table [tasks ...]``; prints one line of JSON for each number of tasks.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.browser.jupyter import CHROMIUM, FLAGS, JupyterServer, NotebookPage

SECONDS = 20

_SETUP = """
import time, threading
from gc_jupyter import TaskFuture, TaskTable
from gc_jupyter.runtime.loop import kernel_loop
from gc_jupyter.types import TaskEvent, TaskInfo, TaskState

class Runtime:
    def __init__(self):
        self.listeners = []
    def watch(self, listener):
        self.listeners.append(listener)
    def unwatch(self, listener):
        self.listeners.remove(listener)

def make(count):
    runtime, futures = Runtime(), []
    for n in range(count):
        future = TaskFuture(serial=n + 1, label="simulate")
        future.source = runtime
        future.set_running_or_notify_cancel()
        future._info = TaskInfo(f"{n:08x}-0000-0000-0000-000000000000", submitted_at=time.time())
        futures.append(future)
    return runtime, futures

def play(runtime, futures, seconds):
    '''Every task runs and ends, 50 steps a second; the CPU seconds that it took.'''
    done, loop, now = threading.Event(), kernel_loop(), time.time
    steps, size = int(seconds * 50), len(futures)
    start, cpu = time.monotonic(), time.process_time()
    def step(n):
        begin, end = n * size // steps, (n + 1) * size // steps
        batch = futures[begin:end]
        events = [TaskEvent(f.serial, TaskState.RUNNING, now(), f.label, f.info) for f in batch]
        for listener in runtime.listeners:
            listener(events)
        for f in futures[max(0, begin - size // 20):max(0, end - size // 20)]:
            f.set_result(42)
        if n + 1 < steps:
            wait = max(0, start + (n + 1) / 50 - time.monotonic())
            loop.aio.call_later(wait, step, n + 1)
        else:
            done.set()
    loop.call(step, 0)
    done.wait()
    return time.process_time() - cpu
"""

_SCROLL = """async ([selector, frames]) => {
  const scroller = document.querySelector(selector);
  const height = scroller.scrollHeight - scroller.clientHeight;
  const times = [];
  for (let frame = 0; frame < frames; frame++) {
    times.push(await new Promise(requestAnimationFrame));
    scroller.scrollTop = (frame * 997) % height;
  }
  const gaps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
  const fps = 1000 * gaps.length / (times[times.length - 1] - times[0]);
  return [fps, ...[0.5, 0.95, 0.99, 1].map((part) => gaps[Math.ceil(part * gaps.length) - 1])];
}"""

_FIRST_PAINT = """async (index) => {
  const panel = window.jupyterapp.shell.currentWidget;
  panel.content.activeCellIndex = index;
  const start = performance.now();
  let arrived = 0;
  const listen = (_, args) => {
    if (args.direction === 'recv' && args.msg.header.msg_type === 'display_data') {
      arrived = performance.now();
    }
  };
  const kernel = panel.sessionContext.session.kernel;
  kernel.anyMessage.connect(listen);
  await new Promise((done) => {
    const look = () => document.querySelector('.jp-Notebook .gc-open') && arrived
      ? setTimeout(done) : requestAnimationFrame(look);
    look();
    void window.jupyterapp.commands.execute('notebook:run-cell');
  });
  kernel.anyMessage.disconnect(listen);
  const end = performance.now();
  return [end - arrived, end - start];
}"""


def scroll(
    page: Page, frames: int, selector: str = ".jp-Notebook .gc-scroll"
) -> dict[str, float | list[float]]:
    """Frames a second, milliseconds of the main thread's CPU for a frame, and between frames (the
    median, 95 and 99 of 100, and the longest)."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
    session.send("Performance.enable")

    def busy() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    before = busy()
    fps, *gaps = page.evaluate(_SCROLL, [selector, frames])
    cost = (busy() - before) / frames
    session.detach()
    return {
        "fps": round(fps, 1),
        "cpu_ms": round(cost, 2),
        "between_ms": [round(gap, 1) for gap in gaps],
    }


def kernel(page: Page, opened: NotebookPage, index: int) -> Any:
    """Run a cell whose output is one line of JSON, and read it."""
    opened.run_cell(index)
    text = page.evaluate(
        "(index) => window.jupyterapp.shell.currentWidget.content.widgets[index]"
        ".model.outputs.toJSON().map((output) => output.text ?? '').join('')",
        index,
    )
    return json.loads(text)


def measure(server: JupyterServer, opened: NotebookPage, count: int) -> dict[str, Any]:
    """One number of tasks."""
    name = f"table{count}.ipynb"
    server.write(
        name,
        _SETUP,
        f"runtime, futures = make({count})\nprint(play(runtime, futures, {SECONDS}))",
        "warm = TaskTable(make(10)[1], keep=True)\nwarm",
        "from IPython.display import clear_output; clear_output()",
        f"runtime, futures = make({count})\n"
        "start = time.perf_counter()\n"
        "table = TaskTable(futures, keep=True)\n"
        "made = time.perf_counter() - start\n"
        "table",
        "sent, push = [], table.push\n"
        "def count(state):\n    sent.append(time.monotonic()); push(state)\n"
        "table.push = count\n"
        f"cpu = play(runtime, futures, {SECONDS})\n"
        "import json; print(json.dumps([cpu, len(sent), made,"
        " min(b - a for a, b in zip(sent, sent[1:]))]))",
    )
    page = opened.open(name)
    opened.run_cell(0)
    bare = kernel(page, opened, 1)
    opened.run_cell(2)  # the module is fetched once for a page, with whichever table comes first
    page.wait_for_selector(".jp-Notebook .gc-open")
    page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.wait_for_selector(".jp-Notebook .gc-open", state="detached")
    first_paint, shown = page.evaluate(_FIRST_PAINT, 4)
    page.wait_for_function(
        "(count) => document.querySelector('.jp-Notebook .gc-words').textContent.includes(count)",
        arg=f"of {count:,} ended",
    )
    still = scroll(page, 300)
    page.evaluate(
        "() => { window.ran = false; const panel = window.jupyterapp.shell.currentWidget;"
        "panel.content.activeCellIndex = 5;"
        "window.jupyterapp.commands.execute('notebook:run-cell').then(() => window.ran = true); }"
    )
    changing = scroll(page, 600)
    page.wait_for_function("window.ran", timeout=120_000)
    with_table, messages, made, gap = json.loads(
        page.evaluate(
            "window.jupyterapp.shell.currentWidget.content.widgets[5].model.outputs.toJSON()"
            ".map((output) => output.text).join('')"
        )
    )
    page.wait_for_function(
        "(words) => document.querySelector('.jp-Notebook .gc-words').textContent.startsWith(words)",
        arg=f"{count - count // 20:,} of",
        timeout=120_000,
    )
    return {
        "tasks": count,
        "messages_per_s": round(messages / SECONDS, 2),
        "shortest_gap_s": round(gap, 3),
        "kernel_cpu_percent": round(100 * (with_table - bare) / SECONDS, 2),
        "table_made_ms": round(1000 * made, 1),
        "first_paint_ms": round(first_paint, 1),
        "shown_ms": round(shown, 1),
        "frames": still,
        "changes_per_s": 2 * count // SECONDS,
        "frames_while_changing": changing,
    }


def main(counts: list[int]) -> None:
    """Print a line for each count."""
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        server = JupyterServer(Path(home))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            for count in counts:
                opened = NotebookPage(server, browser)
                print(json.dumps(measure(server, opened, count)), flush=True)
                opened.close()
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [10_000, 100_000])
