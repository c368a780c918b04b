// The PostgreSQL function that carries out a group of acts in one transaction, in PL/pgSQL.

/**
 * Holds and finishes one after the other, in the order in which they are given. `p_acts`: two lines an act, in which JSON text has
 * no line break: what the act's function takes as an array that begins with `hold` or `finish`, and the record (or its rest). The
 * record has a line of its own, since in it any character may stand that PostgreSQL's texts can't have.
 *
 * Gives a JSON array of the outcomes, money as text.
 *
 * @param schema quoted.
 */
export function groupFunctionIn(schema: string): string {
  return groupFunction.replaceAll('{schema}', schema)
}

// Two variables, since a plan goes by the type that a record had first.
const groupFunction = `
CREATE FUNCTION {schema}.lava_group_1(p_acts text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_lines text[] := string_to_array(p_acts, E'\\n');
  v_act jsonb;
  v_held record;
  v_finished record;
  v_outcomes text[] := '{}';
BEGIN
  FOR i IN 1 .. cardinality(v_lines) BY 2 LOOP
    v_act := v_lines[i]::jsonb;
    IF v_act ->> 0 = 'hold' THEN
      v_held := {schema}.lava_hold_1(
        v_act ->> 1, (v_act ->> 2)::bigint, (v_act ->> 3)::numeric, (v_act ->> 4)::bigint,
        v_act ->> 5, v_act ->> 6, v_act ->> 7, v_act ->> 8, v_act ->> 9, (v_act ->> 10)::bigint,
        (v_act ->> 11)::bigint, (v_act ->> 12)::double precision, (v_act ->> 13)::text[], v_lines[i + 1]);
      v_outcomes := v_outcomes || json_build_object('outcome', v_held.outcome,
        'cycle', v_held.balance_cycle::text, 'bundle', v_held.balance_bundle::text, 'held', v_held.balance_held::text,
        'first_record', v_held.first_record)::text;
    ELSE
      v_finished := {schema}.lava_finish_1(
        v_act ->> 1, v_act ->> 2, (v_act ->> 3)::boolean, (v_act ->> 4)::bigint, (v_act ->> 5)::bigint, v_act ->> 6,
        v_act ->> 7, v_act ->> 8, v_act ->> 9, v_act ->> 10, v_act ->> 11, (v_act ->> 12)::bigint,
        (v_act ->> 13)::bigint, (v_act ->> 14)::double precision, (v_act ->> 15)::text[], v_lines[i + 1],
        v_act ->> 16, v_act ->> 17, v_act ->> 18, (v_act ->> 19)::bigint, (v_act ->> 20)::bigint);
      v_outcomes := v_outcomes || json_build_object('outcome', v_finished.outcome,
        'cycle', v_finished.balance_cycle::text, 'bundle', v_finished.balance_bundle::text,
        'held', v_finished.balance_held::text, 'first_record', v_finished.first_record, 'total', v_finished.total::text,
        'began_at', v_finished.began_at, 'balance_after', v_finished.balance_after)::text;
    END IF;
  END LOOP;
  RETURN '[' || array_to_string(v_outcomes, ',') || ']';
END $$;
`
