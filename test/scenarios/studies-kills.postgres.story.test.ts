/** Killed searches on PostgreSQL. */
import { studyKills } from './studies-kills.cases.ts'

studyKills('PostgreSQL')
