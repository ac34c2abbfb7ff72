/** The two parts of the check, and the order in which test files begin. */

/**
 * Whether a test file runs in the second part of the check: a story or suite with real engines (`*.story.test.ts`), or one that both drivers
 * pass, on PostgreSQL (`*.postgres.test.ts`). What is PostgreSQL's own is tested in the first part, beside the driver.
 */
export function isHeavy(file: string): boolean {
  return /\.(?:story|postgres)\.test\.ts$/.test(file)
}

/** Whether a test file has a process of its own: `*.process.test.ts` and `*.story.test.ts`. */
export function isAlone(file: string): boolean {
  return /\.(?:process|story)\.test\.ts$/.test(file)
}

/**
 * What trains and rolls out first, then whole servers, parts of pages last: a long file that began last would run alone, on one core. Files
 * with browsers are spread among the servers, which wait more than they compute: five browsers at once slow each other threefold.
 */
export function longestFirst(files: readonly string[]): string[] {
  const order = ['test/runners/', 'test/', 'src/']
  const rank = (file: string): number => {
    const at = order.findIndex((folder) => file.startsWith(folder))
    return at === -1 ? order.length : at
  }
  const sorted = files.toSorted((a, b) => rank(a) - rank(b))
  const servers = sorted.filter((file) => rank(file) === 1)
  return [
    ...sorted.filter((file) => rank(file) < 1),
    ...spread(
      servers.filter((file) => file.startsWith('test/web/')),
      servers.filter((file) => !file.startsWith('test/web/')),
    ),
    ...sorted.filter((file) => rank(file) > 1),
  ]
}

/** Both lists in their order, the items of the first as far from each other as can be. */
function spread<T>(few: readonly T[], many: readonly T[]): T[] {
  const [every, from] = [(many.length + 1) / (few.length + 1), many.length]
  const placed = few.map((item, at) => ({ item, place: Math.min(from, every * (at + 1) - 0.5) }))
  return [...many.map((item, place) => ({ item, place })), ...placed]
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item)
}
