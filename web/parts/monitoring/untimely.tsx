/** Says of an endpoint which of its rows did not come in time, and what became of them; nothing where all did. */
import { count, eventTime } from '../../../src/contract/text/format.ts'

interface Times {
  readonly late: number
  readonly too_late: number
  readonly ahead: number
}

/** `again_from`: from where on hours are about to be judged again, or null. */
export function Untimely({ monitor }: { monitor: { times: Times; again_from: string | null } | undefined }) {
  if (monitor === undefined) return null
  const { times, again_from: againFrom } = monitor
  const said = [
    ...(againFrom === null ? [] : [`the hours from ${eventTime(againFrom)} on are about to be judged again`]),
    ...(times.late === 0 ? [] : [`${count(times.late)} came after their hour was judged, which was judged again`]),
    ...(times.too_late === 0
      ? []
      : [
          `${count(times.too_late)} came more than a week late, or after another reference was taken up, and are not judged`,
        ]),
    ...(times.ahead === 0 ? [] : [`${count(times.ahead)} had a time ahead of the clock`]),
  ]
  if (said.length === 0) return null
  return <p className="small break">Rows that did not come in time: {said.join('; ')}.</p>
}
