/** A driver of other machines passes what every driver must do, with the program of a node as a process that has nothing of ours. */
import { after } from 'node:test'
import { driverCases } from '../driver.cases.ts'
import { python } from '../local/attempt.fixture.ts'
import { openRig } from './rig.fixture.ts'

const rig = await openRig({ leaseMs: 20_000 })
after(() => rig.close())

driverCases({ python, blobs: rig.blobs, open: () => rig.driver() })
