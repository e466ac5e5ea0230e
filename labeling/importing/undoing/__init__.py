"""The way back of an import: which rows it brought, what may go, and the taking back."""
