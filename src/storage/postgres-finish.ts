// The PostgreSQL function that finishes a record, in PL/pgSQL: as the first version of the schema has it, and mended.

/**
 * The first version read the record to tell a repeated act its balance. There PostgreSQL fails where any text of the record has a
 * character that its own texts can't have (U+0000); as text, the record begins with what this function wrote.
 *
 * @param schema quoted.
 */
export function mendedFinishFunctionIn(schema: string): string {
  return finishFunction
    .replace('CREATE FUNCTION', 'CREATE OR REPLACE FUNCTION')
    .replace(
      `v_existing.record ->> 'balance_after'`,
      `substring(v_existing.record::text from '^[{]"created_at":"[^"]*","balance_after":"([^"]*)"')`,
    )
    .replaceAll('{schema}', schema)
}

/**
 * Settlement, report and release. `p_rest` is the record's JSON without its brace and without the two fields that are known here
 * only: when it began, and the balance after it.
 */
export const finishFunction = `
CREATE FUNCTION {schema}.lava_finish_1(
  p_attempt text, p_kind text, p_lost boolean, p_if_expired_at_ms bigint, p_charge bigint, p_status text,
  p_request_id text, p_customer_id text, p_meter_id text, p_fingerprint text, p_created_at text, p_created_at_ms bigint,
  p_cost bigint, p_total_tokens double precision, p_metadata text[], p_rest text,
  p_total_customer_id text, p_total_meter_id text, p_total_cycle text, p_units bigint, p_expected_total bigint,
  OUT outcome text, OUT balance_cycle bigint, OUT balance_bundle bigint, OUT balance_held bigint, OUT first_record text,
  OUT total bigint, OUT began_at text, OUT balance_after text
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  v_existing {schema}.lava_requests;
  v_exists boolean;
  v_from_cycle bigint;
  v_sequence bigint;
  v_record json;
BEGIN
  LOOP
    IF p_customer_id IS NOT NULL THEN
      SELECT cycle, bundle, held INTO balance_cycle, balance_bundle, balance_held
        FROM {schema}.lava_customers WHERE customer_id = p_customer_id FOR NO KEY UPDATE;
      IF NOT FOUND THEN
        INSERT INTO {schema}.lava_customers (customer_id) VALUES (p_customer_id) ON CONFLICT (customer_id) DO NOTHING;
        CONTINUE;
      END IF;
    END IF;
    SELECT * INTO v_existing FROM {schema}.lava_requests WHERE request_id = p_request_id FOR NO KEY UPDATE;
    v_exists := FOUND;

    IF v_exists AND v_existing.attempt = p_attempt THEN
      outcome := 'finished';
      began_at := v_existing.created_at;
      balance_after := v_existing.record ->> 'balance_after';
      RETURN;
    END IF;
    IF NOT (v_exists OR p_kind = 'report')
      OR (p_kind = 'release' AND v_existing.status <> 'pending')
      OR (p_if_expired_at_ms IS NOT NULL
        AND (v_existing.status = 'pending' AND v_existing.expires_at_ms <= p_if_expired_at_ms) IS NOT TRUE)
    THEN
      outcome := 'not_held';
      RETURN;
    END IF;
    IF v_exists AND NOT ((v_existing.status = 'pending' OR v_existing.lost)
      AND (p_kind <> 'report' OR v_existing.fingerprint = p_fingerprint))
    THEN
      outcome := CASE WHEN v_existing.fingerprint = p_fingerprint THEN 'duplicate' ELSE 'reused' END;
      first_record := v_existing.record;
      RETURN;
    END IF;
    IF v_exists AND v_existing.customer_id IS DISTINCT FROM p_customer_id THEN
      RAISE EXCEPTION 'who pays does not change';
    END IF;

    IF p_expected_total IS NOT NULL THEN
      total := coalesce((SELECT units FROM {schema}.lava_totals WHERE customer_id = p_total_customer_id
        AND meter_id = p_total_meter_id AND cycle = p_total_cycle FOR NO KEY UPDATE), 0);
      IF total <> p_expected_total THEN
        outcome := 'total_moved';
        RETURN;
      END IF;
    END IF;

    v_from_cycle := least(p_charge, balance_cycle);
    balance_cycle := balance_cycle - v_from_cycle;
    balance_bundle := balance_bundle - (p_charge - v_from_cycle);
    balance_held := balance_held - coalesce(v_existing.held, 0);
    began_at := coalesce(v_existing.created_at, p_created_at);
    balance_after := ((balance_cycle::numeric + balance_bundle) * 0.0000000001)::text;
    v_record := ('{"created_at":' || to_json(began_at)::text || ',"balance_after":'
      || coalesce(to_json(balance_after)::text, 'null') || ',' || p_rest)::json;

    IF v_exists THEN
      v_sequence := v_existing.sequence;
      UPDATE {schema}.lava_requests SET meter_id = p_meter_id, status = p_status, attempt = p_attempt, held = 0, lost = p_lost,
          expires_at_ms = NULL, cost = p_cost, charge = p_charge, total_tokens = p_total_tokens, metadata = p_metadata,
          record = v_record
        WHERE sequence = v_sequence;
    ELSE
      INSERT INTO {schema}.lava_requests (request_id, customer_id, meter_id, status, fingerprint, attempt, held,
          created_at, created_at_ms, cost, charge, total_tokens, metadata, record)
        VALUES (p_request_id, p_customer_id, p_meter_id, p_status, p_fingerprint, p_attempt, 0,
          p_created_at, p_created_at_ms, p_cost, p_charge, p_total_tokens, p_metadata, v_record)
        ON CONFLICT (request_id) DO NOTHING
        RETURNING sequence INTO v_sequence;
      -- Another customer's act took the id meanwhile: look at it.
      CONTINUE WHEN NOT FOUND;
    END IF;
    EXIT;
  END LOOP;

  IF coalesce(v_existing.metadata, '{}') <> p_metadata THEN
    DELETE FROM {schema}.lava_request_metadata WHERE sequence = v_sequence AND pair = ANY (v_existing.metadata);
    INSERT INTO {schema}.lava_request_metadata (pair, sequence) SELECT pair, v_sequence FROM unnest(p_metadata) AS pair;
  END IF;
  UPDATE {schema}.lava_customers SET cycle = balance_cycle, bundle = balance_bundle, held = balance_held
    WHERE customer_id = p_customer_id;
  IF p_units IS NOT NULL THEN
    INSERT INTO {schema}.lava_totals AS kept (customer_id, meter_id, cycle, units)
      VALUES (p_total_customer_id, p_total_meter_id, p_total_cycle, p_units)
      ON CONFLICT (customer_id, meter_id, cycle) DO UPDATE SET units = kept.units + excluded.units
      RETURNING units INTO total;
    IF total <> p_expected_total + p_units THEN
      RAISE EXCEPTION 'another customer''s act wrote the first total meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;
  outcome := 'finished';
END $$;
`
