/** Several drivers as one: a step says where it runs, and what is asked of an attempt goes to the driver that has it. */
import type { AttemptSpec, Driver } from './driver.ts'

/** `ownerOf` names the driver of an attempt that is not of this machine. */
export function joinedDriver(
  local: Driver,
  others: readonly Driver[],
  ownerOf: (attempt: string) => Promise<string | undefined>,
): Driver {
  if (others.length === 0) return local
  const named = (name: string | undefined): Driver => others.find((driver) => driver.name === name) ?? local
  const of = async (attempt: string): Promise<Driver> => named(await ownerOf(attempt))
  const all = [local, ...others]
  return {
    name: local.name,
    slowStarts: () => local.slowStarts(),
    clusters: async () => (await Promise.all(others.map(async (driver) => (await driver.clusters?.()) ?? []))).flat(),
    submit: (spec: AttemptSpec) => named(spec.on).submit(spec),
    get: async (attempt, fence) => (await of(attempt)).get(attempt, fence),
    usage: async (attempt) => (await of(attempt)).usage(attempt),
    async endStrays() {
      for (const driver of others) await driver.endStrays?.()
    },
    list: async () => (await Promise.all(all.map((driver) => driver.list()))).flat(),
    cancel: async (attempt) => (await of(attempt)).cancel(attempt),
    kill: async (attempt) => (await of(attempt)).kill(attempt),
    logs: async (attempt, from, most) => (await of(attempt)).logs(attempt, from, most),
    logSize: async (attempt) => (await of(attempt)).logSize(attempt),
    storeLog: async (attempt) => (await of(attempt)).storeLog(attempt),
    collect: async (attempt, output) => (await of(attempt)).collect(attempt, output),
    checkpoints: async (attempt) => (await of(attempt)).checkpoints(attempt),
    storeCheckpoints: async (attempt) => (await of(attempt)).storeCheckpoints(attempt),
    delete: async (attempt) => (await of(attempt)).delete(attempt),
    onEnd: (listener) => all.forEach((driver) => driver.onEnd(listener)),
  }
}
