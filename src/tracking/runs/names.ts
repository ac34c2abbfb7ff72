/** Names for runs whose makers gave none: two words and a number. */

const QUALITIES =
  'able airy ample apt bold brave brisk calm clean clear clever crisp daring deft eager early even fair fast fine firm fleet fond free fresh gentle glad good grand handy happy hardy high honest ideal jolly keen kind large light lively loyal lucky mellow merry mild modest neat new nimble noble open patient plain polite prime proud pure quick quiet rapid ready rich robust safe sharp silent smart smooth solid sound spry stable steady still stout strong sunny sure swift tidy true upbeat vast vivid warm wise witty young'.split(
    ' ',
  )

const NOUNS =
  'anchor bay beacon birch boat bridge brook buoy canal canyon cape cedar cliff cloud coast comet compass cove crane creek current deck delta dock dune eagle elm falcon ferry field finch fjord forest gale garden glade gull harbor harvest haven heron hill inlet island jetty kayak keel kestrel lagoon lake lantern lark launch ledge lighthouse maple marina mast meadow mill mole moon moraine oak oar orchard otter owl palm pier pilot pine plover pond port prairie quay raft reef ridge river rudder sail schooner shoal shore sloop spar spring stream summit sun swan tern tide timber trawler valley vessel wave wharf willow wind yawl'.split(
    ' ',
  )

/** For example `brisk-heron-417`. Takes six random bytes. */
export function randomName(random: (bytes: number) => Uint8Array): string {
  const view = new DataView(Uint8Array.from(random(6)).buffer)
  const pick = (words: readonly string[], at: number) => words[view.getUint16(at) % words.length] ?? ''
  return `${pick(QUALITIES, 0)}-${pick(NOUNS, 2)}-${view.getUint16(4) % 1000}`
}
