// PostgreSQL functions: the acts as the first version of the schema has them, each decided and written on the server in one round trip.
import { finishFunction } from './postgres-finish.ts'
import { holdFunction } from './postgres-hold.ts'

/**
 * The rules are those of decisions.ts. Locks are taken in one order, customer, request, total, so that no two acts wait for each
 * other. Every name is qualified, so that the search path of a connection does not matter. Tables are small when the first acts
 * plan their statements and large when the last ones run them: without `enable_seqscan = off` a plan could go by the first.
 *
 * @param schema quoted.
 */
export function functionsIn(schema: string): string {
  return (holdFunction + finishFunction + creditFunction + putDocumentFunction).replaceAll('{schema}', schema)
}

const creditFunction = `
CREATE FUNCTION {schema}.lava_credit_1(
  p_attempt text, p_entry_id text, p_customer_id text, p_amount bigint, p_part text, p_created_at text,
  OUT outcome text, OUT balance_cycle bigint, OUT balance_bundle bigint, OUT balance_held bigint
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  v_existing {schema}.lava_entries;
BEGIN
  INSERT INTO {schema}.lava_entries (entry_id, customer_id, amount, part, created_at, attempt)
    VALUES (p_entry_id, p_customer_id, p_amount, p_part, p_created_at, p_attempt)
    ON CONFLICT (entry_id) DO NOTHING;
  IF FOUND THEN
    INSERT INTO {schema}.lava_customers AS kept (customer_id, cycle, bundle)
      VALUES (p_customer_id, CASE p_part WHEN 'cycle' THEN p_amount ELSE 0 END, CASE p_part WHEN 'bundle' THEN p_amount ELSE 0 END)
      ON CONFLICT (customer_id) DO UPDATE SET cycle = kept.cycle + excluded.cycle, bundle = kept.bundle + excluded.bundle
      RETURNING cycle, bundle, held INTO balance_cycle, balance_bundle, balance_held;
    outcome := 'credited';
    RETURN;
  END IF;
  SELECT * INTO STRICT v_existing FROM {schema}.lava_entries WHERE entry_id = p_entry_id;
  IF (v_existing.customer_id, v_existing.amount, v_existing.part) <> (p_customer_id, p_amount, p_part) THEN
    outcome := 'reused';
    RETURN;
  END IF;
  SELECT cycle, bundle, held INTO STRICT balance_cycle, balance_bundle, balance_held
    FROM {schema}.lava_customers WHERE customer_id = p_customer_id;
  outcome := CASE WHEN v_existing.attempt = p_attempt THEN 'credited' ELSE 'duplicate' END;
END $$;
`

const putDocumentFunction = `
CREATE FUNCTION {schema}.lava_put_document_1(
  p_attempt text, p_kind text, p_id text, p_document text, p_only_if_absent boolean, OUT existing text
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  v_existing {schema}.lava_documents;
BEGIN
  IF NOT p_only_if_absent THEN
    INSERT INTO {schema}.lava_documents (kind, id, document, attempt) VALUES (p_kind, p_id, p_document::json, p_attempt)
      ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document, attempt = excluded.attempt;
    RETURN;
  END IF;
  -- Ends: each further round means that another call has deleted the document in between.
  LOOP
    INSERT INTO {schema}.lava_documents (kind, id, document, attempt) VALUES (p_kind, p_id, p_document::json, p_attempt)
      ON CONFLICT (kind, id) DO NOTHING;
    EXIT WHEN FOUND;
    SELECT * INTO v_existing FROM {schema}.lava_documents WHERE kind = p_kind AND id = p_id;
    IF FOUND THEN
      existing := CASE WHEN v_existing.attempt = p_attempt THEN NULL ELSE v_existing.document::text END;
      EXIT;
    END IF;
  END LOOP;
END $$;
`
