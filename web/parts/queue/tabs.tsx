/** The pages about where and when steps run, beside each other. */
import { Link } from '@tanstack/react-router'
import { QUEUE_PLACES } from '../../data/keyboard.ts'

export function QueueTabs() {
  return (
    <nav className="tabs" aria-label="Queue, pools and clusters">
      {QUEUE_PLACES.map(({ word, path }) => (
        <Link key={path} to={path}>
          {word}
        </Link>
      ))}
    </nav>
  )
}
