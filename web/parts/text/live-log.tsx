/** The log of a step or of an item: its end as it is written, or a part of it from any place on. Give it a key of run, step and item. */
import { useState } from 'react'
import type { LogOf, Shown } from '../../data/log-parts.ts'
import { WINDOW } from '../../data/log-parts.ts'
import { FollowedLog } from './followed-log.tsx'
import { LogPlaces } from './log-places.tsx'
import { ReadLog } from './read-log.tsx'

interface LiveLogProps extends Omit<LogOf, 'attempt'> {
  readonly running: boolean
}

export function LiveLog({ run, step, item, running }: LiveLogProps) {
  const [attempt, setAttempt] = useState<number | undefined>(undefined)
  // null = its end is followed
  const [place, setPlace] = useState<number | null>(null)
  const [tries, setTries] = useState(0)
  const [shown, setShown] = useState<Shown | undefined>(undefined)
  const of: LogOf = { run, step, item, attempt }
  const label = `Log of ${item === undefined ? step : `${step}[${item}]`}`
  const pick = (number: number): void => {
    setAttempt(number)
    setPlace(null)
  }
  return (
    <>
      {shown !== undefined && (shown.size > WINDOW || shown.attempts > 1) && (
        <LogPlaces
          shown={{ ...shown, attempt: attempt ?? shown.attempt }}
          isEnd={place === null}
          go={setPlace}
          pick={pick}
        />
      )}
      {place === null ? (
        <FollowedLog
          key={`${attempt} ${tries}`}
          of={of}
          label={label}
          running={running}
          onShown={setShown}
          again={() => setTries(tries + 1)}
        />
      ) : (
        <ReadLog of={{ ...of, attempt: attempt ?? shown?.attempt }} from={place} label={label} onShown={setShown} />
      )}
    </>
  )
}
