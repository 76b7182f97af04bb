/** The event of the topic order-events; `amount` is in cents. */
export interface OrderPlaced {
  event_id: string;
  order_id: string;
  customer: string;
  amount: number;
}
