/** A training loop with checkpoints, and what kills it. */

/** Each round draws numbers, and what comes out hangs on all of them: the state of the generator is part of the checkpoint. */
export const TRAIN = `import random, time
from slipway import checkpoint, resume
def train(seed, rounds, pause):
    last = resume()
    if last is None:
        first, weights = 0, [0.0] * 20
        random.seed(seed)
    else:
        first, weights = last.step + 1, last.state["weights"]
        kind, words, gauss = last.state["random"]
        random.setstate((kind, tuple(words), gauss))
    for step in range(first, rounds):
        weights = [w * 0.9 + random.gauss(0, 1) / (step + 1) for w in weights]
        checkpoint({"weights": weights, "random": random.getstate()}, step=step)
        time.sleep(pause)
    return repr(weights)
`
export const ROUNDS = 40

/** The same numbers each time, so that a failure can be looked for again. */
export function dice(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

export function kill(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}
