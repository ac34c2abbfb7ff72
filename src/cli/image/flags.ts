/** The flags of `slipway image`. */
import { flagsOf, SERVER_FLAGS } from '../invocation/command.ts'
import type { Flag } from '../invocation/command.ts'

export const IMAGE_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  ...flagsOf({
    'for PURPOSE':
      'With `build`: serve (a model that answers; default), batch (a model that scores tables), step (a project folder), control (Slipway itself) or gateway (its data plane).',
    'base IMAGE':
      'With `build`: an image to build on (default: Debian, pinned); with `dockerfile`: one in a registry (default: python).',
    'uv IMAGE': 'With `dockerfile`: an image in a registry that has uv at /uv.',
    force: 'With `dockerfile`: replace the files that are there.',
    'builder NAME':
      'With `build --for step`: podman, buildah or docker, which build the Dockerfile of the project, or native (default: native without a Dockerfile, else the first that is there).',
    'out IMAGE':
      'With `build`: layout:FOLDER[:TAG] to write to (default layout:image); with `sbom` and `scan`: a file.',
    registered:
      'With `build`: an image of the version that the run of the commit which is checked out in a folder has registered.',
    attest: 'With `build`: attach a CycloneDX SBOM and SLSA provenance.',
    'key FILE': 'With `sign`: the private key; with `verify` and `environments set`: the public key (PEM).',
    'image-only': 'With `verify`: not the SBOM and the provenance that are attached to it.',
    'passphrase-file FILE': 'With `sign`: file with the passphrase of the private key.',
    'push IMAGE': 'With `build`: REGISTRY/REPOSITORY[:TAG] to push to.',
    'platform NAME ...': 'linux/amd64 or linux/arm64; several make an index (default: that of this machine).',
    'wheels DIR': 'With `build`: wheels that you built of packages that publish none.',
    'compression KIND': 'With `build`: gzip (default) or zstd.',
    'to NAME': 'With `promote`: the environment.',
    back: 'With `promote`: return to the image that stood there before.',
    'reason TEXT': 'With `promote`: why; it is kept.',
    'override-gates': 'With `promote`: although it is refused; by an admin, with a reason.',
    'after NAME': 'With `environments set`: the environment that comes before.',
    'repository NAME':
      'With `environments set`: REGISTRY/REPOSITORY of its images; {model} stands for the name of the model.',
    ungated: 'With `environments set`: gates of models are not asked.',
  }),
]
