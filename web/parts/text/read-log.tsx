/** A part of a log from a place on, as it was written. */
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { logPart } from '../../data/log-parts.ts'
import type { LogOf, Shown } from '../../data/log-parts.ts'
import { plainLog } from '../../data/log-text.ts'
import { Loaded } from '../page/placeholders.tsx'
import { LogText } from './log-text.tsx'

interface ReadLogProps {
  readonly of: LogOf
  readonly from: number
  readonly label: string
  readonly onShown: (shown: Shown) => void
}

export function ReadLog({ of, from, label, onShown }: ReadLogProps) {
  const query = useQuery(logPart(of, from))
  const box = useRef<HTMLPreElement>(null)
  const { data } = query
  useEffect(() => {
    if (data === undefined) return
    onShown(data)
    if (box.current !== null) box.current.scrollTop = 0
  }, [data, onShown])
  return (
    <Loaded query={query} what="The log" height={340}>
      {({ text }) => <LogText box={box} label={label} text={plainLog(text)} />}
    </Loaded>
  )
}
