// The PostgreSQL function that changes what an open record has set aside, in PL/pgSQL.

/**
 * Sets the amount and the expiry, so that its repetition changes nothing. `p_overdraft`: how far below zero the customer may go;
 * null: whatever the balance is.
 *
 * @param schema quoted.
 */
export function renewFunctionIn(schema: string): string {
  return renewFunction.replaceAll('{schema}', schema)
}

const renewFunction = `
CREATE FUNCTION {schema}.lava_renew_1(
  p_request_id text, p_customer_id text, p_expires_at_ms bigint, p_amount bigint, p_overdraft numeric, p_record text,
  OUT outcome text, OUT balance_cycle bigint, OUT balance_bundle bigint, OUT balance_held bigint
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  v_existing {schema}.lava_requests;
  v_more bigint;
BEGIN
  SELECT cycle, bundle, held INTO balance_cycle, balance_bundle, balance_held
    FROM {schema}.lava_customers WHERE customer_id = p_customer_id FOR NO KEY UPDATE;
  SELECT * INTO v_existing FROM {schema}.lava_requests WHERE request_id = p_request_id FOR NO KEY UPDATE;
  IF NOT FOUND OR v_existing.status <> 'pending' THEN
    outcome := 'not_held';
    RETURN;
  END IF;
  IF v_existing.customer_id IS DISTINCT FROM p_customer_id THEN
    RAISE EXCEPTION 'who pays does not change';
  END IF;

  v_more := CASE WHEN p_customer_id IS NULL THEN 0 ELSE p_amount - v_existing.held END;
  IF v_more > 0 AND balance_cycle::numeric + balance_bundle - balance_held + p_overdraft < v_more THEN
    outcome := 'insufficient';
    RETURN;
  END IF;
  UPDATE {schema}.lava_requests SET held = held + v_more, expires_at_ms = p_expires_at_ms, record = p_record::json
    WHERE sequence = v_existing.sequence;
  UPDATE {schema}.lava_customers SET held = held + v_more WHERE customer_id = p_customer_id;
  outcome := 'renewed';
END $$;
`
