/** The width an element has now, for drawings that keep their letters' size. */
import { useEffect, useRef, useState } from 'react'
import type { RefObject } from 'react'

/** A ref to put on the element, and its width in px (0 before the first layout). */
export function useWidth(): readonly [RefObject<HTMLDivElement | null>, number] {
  const element = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    if (element.current === null) return undefined
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)))
    watch.observe(element.current)
    return () => watch.disconnect()
  }, [])
  return [element, width]
}
