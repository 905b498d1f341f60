// BullMQ as bench/peers.py runs it: one process that adds jobs, works on them eight at a time by spawning
// /bin/true, and waits for their results.
//
//   node peers_bullmq.js PORT JOBS SINGLE       with NODE_PATH at its node_modules
//
// Prints one line of JSON: jobs per second, added in bulk; and of jobs added one at a time, the milliseconds
// from add() to the handler's first line and to waitUntilFinished().
'use strict';
const { spawn } = require('child_process');
const { Queue, QueueEvents, Worker } = require('bullmq');

const [port, jobs, single] = process.argv.slice(2).map(Number);
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const now = () => Number(process.hrtime.bigint()) / 1e6;
const BULK = 400;
const started = new Map();
let completed = 0;
let wanted = Infinity;
let enough = () => {};

function run(job) {
  started.set(job.id, now());
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/true', [], { stdio: 'ignore' });
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve(code) : reject(new Error(`exit code ${code}`))));
  });
}

async function batch(queue, count) {
  completed = 0;
  wanted = count;
  const all = new Promise((resolve) => { enough = resolve; });
  const begun = now();
  for (let first = 0; first < count; first += BULK) {
    const bulk = Array.from({ length: Math.min(BULK, count - first) }, () => ({ name: 'true', data: {} }));
    await queue.addBulk(bulk);
  }
  await all;
  return (count * 1000) / (now() - begun);
}

async function main() {
  const queue = new Queue('bench', { connection });
  const events = new QueueEvents('bench', { connection });
  const worker = new Worker('bench', run, { connection, concurrency: 8 });
  worker.on('failed', (job, error) => { throw error; });
  worker.on('completed', () => { if (++completed === wanted) { enough(); } });
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady(), worker.waitUntilReady()]);
  await batch(queue, 200); // warm
  const rate = await batch(queue, jobs);
  wanted = Infinity;
  const toStart = [];
  const toResult = [];
  for (let i = 0; i < single; ++i) {
    const begun = now();
    const job = await queue.add('true', {});
    await job.waitUntilFinished(events);
    toResult.push(now() - begun);
    toStart.push(started.get(job.id) - begun);
  }
  console.log(JSON.stringify({ rate, toStart, toResult }));
  await worker.close();
  await events.close();
  await queue.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
