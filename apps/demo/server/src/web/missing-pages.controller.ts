import { Controller, Get, Header } from '@nestjs/common';

const PAGE = `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <title>Trunkline demo</title>
  <body style="font: 1rem/1.5 system-ui; max-width: 40rem; margin: 4rem auto; padding: 0 1rem">
    <h1>The server runs, the pages are not built yet</h1>
    <p>Run <code>npm run build</code> in the repository and start again, or use
    <code>npm run dev</code>, which serves the pages on a port of its own.</p>
  </body>
</html>
`;

/** Says what to do when the web app has not been built. */
@Controller()
export class MissingPagesController {
  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  page(): string {
    return PAGE;
  }
}
