"""How every request of the API is read and answered: who asks, parameters, pages, errors, keys."""
