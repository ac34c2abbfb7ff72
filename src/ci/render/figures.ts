/** Figures as people read them in a report. */

/** Four digits; a dash for what is not known. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  return Number(value.toPrecision(4)).toString()
}

/** To the last digit: how many of something. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : String(value)
}

/** With its sign. */
export function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${number(value)}`
}

export function interval(found: readonly [number, number] | null): string {
  return found === null ? '' : `[${number(found[0])}, ${number(found[1])}]`
}

/** Without the sign: one before a digit is a reference to GitLab. */
export function dollars(micro: number | null): string {
  return micro === null ? '–' : `${(micro / 1e6).toFixed(6).replace(/0{1,4}$/, '')} USD`
}

export function seconds(ms: number | null): string {
  return ms === null ? '–' : `${number(ms / 1000)} s`
}

export function bytes(count: number | null): string {
  if (count === null) return '–'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const
  const at = Math.min(units.length - 1, count < 1 ? 0 : Math.floor(Math.log2(count) / 10))
  return `${number(count / 1024 ** at)} ${units[at]}`
}

export function percent(share: number): string {
  return `${number(share * 100)} %`
}
