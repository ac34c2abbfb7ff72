/** The third quarter of the pages in a real browser. */
import { pageCases } from './pages.cases.ts'

pageCases(2)
