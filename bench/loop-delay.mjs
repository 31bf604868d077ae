// Preloaded into the daemon (NODE_OPTIONS=--import): on SIGUSR2 it says how long the main thread was blocked at most since the
// last time, in milliseconds, in the file that TARE_BENCH_LOOP names.
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

if (isMainThread && process.argv.includes('daemon')) {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  process.on('SIGUSR2', () => {
    const { max, mean } = histogram
    writeFileSync(process.env.TARE_BENCH_LOOP, JSON.stringify({ max: max / 1e6, mean: mean / 1e6 }))
    histogram.reset()
  })
}
