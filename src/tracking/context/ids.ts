/** Ids in the form of MLflow's. */

/** 32 random hex digits. */
export function hexId({ random }: { readonly random: (bytes: number) => Uint8Array }): string {
  return Buffer.from(random(16)).toString('hex')
}
