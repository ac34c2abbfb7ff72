/** What the test files of a run have cost, in lines for people: CPU time, which says the same however busy the machine is. */
import { isHeavy } from './parts.ts'
import type { EndedFile } from './suite.ts'

/** CPU seconds that a file of the first part may cost; it is named when it costs more, for they vary by the machine. */
const BUDGET_SECONDS = 10

/** So many files are named. */
const DEAREST = 10

/** What the files cost and how busy they kept the cores, the dearest of them, and those over their budget; nothing where the system does not tell. */
export function costNotes(ended: readonly EndedFile[], seconds: number, cores: number): string[] {
  const dear = ended
    .flatMap(({ file, cpu }) => (cpu === undefined ? [] : [{ file, cpu }]))
    .toSorted((a, b) => b.cpu - a.cpu)
  const total = dear.reduce((cpu, one) => cpu + one.cpu, 0)
  if (total === 0) return []
  const busy = (100 * total) / (seconds * cores)
  const over = dear.filter(({ file, cpu }) => cpu > BUDGET_SECONDS && !isHeavy(file)).map(({ file }) => file)
  return [
    `  test files: ${total.toFixed(0)} s of CPU in ${seconds.toFixed(0)} s, ${busy.toFixed(0)} % of ${cores} cores; the dearest:`,
    ...dear.slice(0, DEAREST).map(({ file, cpu }) => `  ${cpu.toFixed(1).padStart(7)} s  ${file}`),
    ...(over.length === 0 ? [] : [`  over the budget of ${BUDGET_SECONDS} s of CPU: ${over.join(', ')}`]),
  ]
}
