/** Prints the process's peak memory when it ends; loaded with `--import`. */
process.on('exit', () => {
  process.stderr.write(`peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB\n`);
});
