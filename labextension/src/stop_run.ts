// Stops the open tasks of a run. Only its kernel knows what can be stopped, so it is asked first.

import { JupyterFrontEnd } from "@jupyterlab/application";
import { Dialog, showDialog } from "@jupyterlab/apputils";
import { Kernel } from "@jupyterlab/services";

import { STOP_TARGET, Stopping, StopTasks } from "../widgets/src/messages";
import { Run } from "./messages";

// `kernel` is the notebook's, if it is open here.
export async function stopRun(
  app: JupyterFrontEnd,
  kernel: Kernel.IKernelConnection | null,
  run: Run,
): Promise<string> {
  const [used, done] = kernel ? [kernel, (): void => undefined] : await connect(app, run.notebook);
  if (!used) {
    return "Its kernel isn't one of this server's.";
  }
  try {
    const question = await ask(used, run, false);
    if (!question) {
      return "Its kernel knows of no such tasks.";
    }
    if (!question.answer) {
      return question.text;
    }
    const { button } = await showDialog({
      title: "Stop",
      body: question.text,
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: question.answer })],
    });
    return button.accept ? ((await ask(used, run, true))?.text ?? "The kernel didn't say.") : "Nothing was stopped.";
  } finally {
    done();
  }
}

// The kernel of a notebook that isn't open in this page, and a function that closes the connection.
async function connect(
  app: JupyterFrontEnd,
  notebook: string,
): Promise<[Kernel.IKernelConnection | null, () => void]> {
  const { sessions, kernels } = app.serviceManager;
  await sessions.refreshRunning();
  const model = [...sessions.running()].find((one) => one.path === notebook)?.kernel;
  const kernel = model ? kernels.connectTo({ model, handleComms: true }) : null;
  return [kernel, () => kernel?.dispose()];
}

// Null if the kernel closes the comm without an answer, because it has submitted nothing.
function ask(kernel: Kernel.IKernelConnection, run: Run, sure: boolean): Promise<Stopping | null> {
  const comm = kernel.createComm(STOP_TARGET);
  const asked: StopTasks = { request: comm.commId, tasks: [], cells: [run.execution_count], sure };
  return new Promise((resolve) => {
    comm.onMsg = ({ content }) => {
      resolve(content.data as unknown as Stopping);
      comm.close();
    };
    comm.onClose = () => resolve(null);
    comm.open({ ...asked });
  });
}
