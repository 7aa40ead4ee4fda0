import { spawn } from 'node:child_process';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a Node program to its end and resolves to its exit code. A signal goes on to it, and ends
 * this process after it: an installer that outlives us would work on under the next start.
 */
export function runNode(args, options = {}) {
  return runToEnd(process.execPath, args, options);
}

export function runToEnd(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    let received;
    const pass = (signal) => {
      received = signal;
      child.kill(signal);
    };
    for (const signal of signals) process.on(signal, pass);
    const done = () => {
      for (const signal of signals) process.off(signal, pass);
    };
    child.once('error', (error) => {
      done();
      reject(error);
    });
    child.once('exit', (code) => {
      done();
      // Now without our handlers: ends this process as the signal wanted.
      if (received) process.kill(process.pid, received);
      else resolve(code ?? 1);
    });
  });
}
