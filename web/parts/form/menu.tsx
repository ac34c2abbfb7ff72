/** A panel that opens below its button; Escape and a press elsewhere close it. */
import { useEffect, useRef, useState } from 'react'
import type { ReactNode } from 'react'

export interface MenuProps {
  readonly label: string
  readonly className?: string
  readonly children: (close: () => void) => ReactNode
}

export function Menu({ label, className = 'menu', children }: MenuProps) {
  const [open, setOpen] = useState(false)
  const menu = useRef<HTMLDetailsElement>(null)
  useEffect(() => {
    if (!open) return undefined
    const onPress = (event: PointerEvent): void => {
      if (menu.current?.contains(event.target as Node) === false) setOpen(false)
    }
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return
      setOpen(false)
      menu.current?.querySelector('summary')?.focus()
    }
    document.addEventListener('pointerdown', onPress)
    document.addEventListener('keydown', onKey)
    return () => {
      document.removeEventListener('pointerdown', onPress)
      document.removeEventListener('keydown', onKey)
    }
  }, [open])
  return (
    <details ref={menu} className={className} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="button">{label}</summary>
      <div className="panel">{children(() => setOpen(false))}</div>
    </details>
  )
}
