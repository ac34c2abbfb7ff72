/** The local driver passes what every driver must do. */
import { execFileSync } from 'node:child_process'
import { driverCases } from '../driver.cases.ts'
import { localDriver } from './driver.ts'

const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()

driverCases({ python, open: ({ blobs, folder }) => localDriver({ blobs, folder, clock: Date.now }) })
