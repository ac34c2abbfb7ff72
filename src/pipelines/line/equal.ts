/** Steps that wait for another with their key, as conditions of statements. */

/** As a condition on a step `s`: another `f` runs with its key, of a run that is to go on and whose results are kept. */
export const FLYING = `f.project = s.project AND f.cache_key = s.cache_key AND f.state = 'running'
  AND g.state = 'running' AND g.desired_state = 'run' AND g.options LIKE '%"reproduces":null%'
  AND (f.run_id <> s.run_id OR f.name <> s.name)`

/** As a condition on a step `s`: it waits for another with its key, and not for a place. */
export const WAITS_FOR_EQUAL = `EXISTS (
  SELECT 1 FROM pipeline_steps f JOIN pipeline_runs g ON g.id = f.run_id WHERE ${FLYING})`
