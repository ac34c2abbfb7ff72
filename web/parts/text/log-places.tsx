/** Where in a log the shown part stands, and the ways to another: earlier, later, any place, another attempt. */
import { useId } from 'react'
import { bytes, percent } from '../../../src/contract/text/format.ts'
import { sliderStep, WINDOW } from '../../data/log-parts.ts'
import type { Shown } from '../../data/log-parts.ts'

export interface LogPlacesProps {
  readonly shown: Shown
  /** Whether its end is followed. */
  readonly isEnd: boolean
  /** Shows the part from a byte on; null = the end. */
  readonly go: (place: number | null) => void
  readonly pick: (attempt: number) => void
}

export function LogPlaces({ shown, isEnd, go, pick }: LogPlacesProps) {
  const { from, to, size, attempt, attempts } = shown
  const [slider, picker] = [useId(), useId()]
  const step = sliderStep(size)
  return (
    <div className="row" role="group" aria-label="Place in the log">
      {attempts > 1 && (
        <>
          <label htmlFor={picker}>Attempt</label>
          <select id={picker} value={attempt} onChange={(event) => pick(Number(event.target.value))}>
            {Array.from({ length: attempts }, (_, i) => (
              <option key={i + 1}>{i + 1}</option>
            ))}
          </select>
        </>
      )}
      {size > WINDOW && (
        <>
          <button type="button" className="button" disabled={from === 0} onClick={() => go(0)}>
            Beginning
          </button>
          <button type="button" className="button" disabled={from === 0} onClick={() => go(Math.max(0, from - WINDOW))}>
            Earlier
          </button>
          <label htmlFor={slider} className="sr">
            Place in the log
          </label>
          <input
            id={slider}
            type="range"
            min={0}
            max={Math.max(0, size - WINDOW)}
            step={step}
            value={Math.min(from, size - WINDOW)}
            aria-valuetext={`${percent(from / size, 0)} of ${bytes(size)}`}
            onChange={(event) => go(Number(event.target.value))}
          />
          <button type="button" className="button" disabled={isEnd || to >= size} onClick={() => go(to)}>
            Later
          </button>
          <button type="button" className="button" disabled={isEnd} onClick={() => go(null)}>
            End
          </button>
          <span className="muted small nowrap">
            {bytes(from)} to {bytes(to)} of {bytes(size)}
          </span>
        </>
      )}
    </div>
  )
}
