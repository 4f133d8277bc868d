"""What every part of the demos uses: errors, files, backend, command line."""
