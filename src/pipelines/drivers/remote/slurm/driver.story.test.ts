/** A driver over a fake slurmrestd passes what every driver must do; test/clusters/slurm.story.test.ts asks the same of a real cluster. */
import { after } from 'node:test'
import { egress } from '../../../../http/egress.ts'
import { driverCases } from '../../driver.cases.ts'
import { python } from '../../local/attempt.fixture.ts'
import { openRig } from '../rig.fixture.ts'
import { startFakeSlurmrestd } from './fake-slurmrestd.fixture.ts'
import { slurmLauncher } from './slurm.ts'

const rig = await openRig({ leaseMs: 20_000 })
const fake = await startFakeSlurmrestd(rig.folder)
after(async () => {
  await fake.stop()
  await rig.close()
})

const send = egress({ allow: [new URL(fake.url).host] })
const path = process.env['PATH']
const launcher = slurmLauncher({ url: fake.url, user: 'me', token: () => 'a', workFolder: '/tmp', path, send })
driverCases({ python, blobs: rig.blobs, open: () => rig.driver({ launcher }) })
