/** Run as a process of its own: `ingest.fixture.ts DATA_DIR` takes in what the log of calls holds; a fault point may kill it. */
import { openDiskBlobs } from '../../store/blobs/disk.ts'
import { openStore } from '../../store/open.ts'
import { roomOn } from '../../tracking/context/room.fixture.ts'
import { partOn } from './call.fixture.ts'

const dataDir = process.argv[2] ?? ''
const { db } = await openStore({ dataDir })
await partOn(roomOn({ db, blobs: openDiskBlobs(`${dataDir}/blobs`) }, Date.now), dataDir).drain()
await db.close()
