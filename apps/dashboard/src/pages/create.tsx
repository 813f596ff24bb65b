export function CreatePage() {
  return <p>Not here yet.</p>;
}
