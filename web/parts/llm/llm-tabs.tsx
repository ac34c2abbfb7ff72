/** The pages of language models, beside each other. */
import { Link } from '@tanstack/react-router'
import { LLM_PLACES } from '../../data/keyboard.ts'

export function LlmTabs() {
  return (
    <nav className="tabs" aria-label="Language models">
      {LLM_PLACES.map(({ word, path }) => (
        <Link key={path} to={path} activeOptions={{ exact: true, includeSearch: false }}>
          {word}
        </Link>
      ))}
    </nav>
  )
}
