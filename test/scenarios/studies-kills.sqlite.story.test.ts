/** Killed searches on SQLite. */
import { studyKills } from './studies-kills.cases.ts'

studyKills('SQLite')
